"""Valuations, imports and saved column mappings."""

from alembic import op

revision = "v0015_valuations"
down_revision = "v0014_chain"

STATEMENTS: tuple[str, ...] = (
    # A value is absent where a price or rate was missing when it was computed: never zero, never a guess.
    """
    CREATE TABLE app.valuation (
        id             uuid        NOT NULL,
        owner_id       uuid        NOT NULL,
        portfolio_id   uuid        NOT NULL,
        business_date  date        NOT NULL,
        currency       text        NOT NULL,
        value_minor    bigint,
        cash_minor     bigint,
        net_flow_minor bigint,
        reasons        jsonb       NOT NULL DEFAULT '[]',
        computed_at    timestamptz NOT NULL,
        CONSTRAINT valuation_pkey PRIMARY KEY (id),
        CONSTRAINT valuation_once UNIQUE (portfolio_id, business_date),
        CONSTRAINT valuation_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT valuation_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT valuation_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT valuation_absence_explained CHECK (
            jsonb_typeof(reasons) = 'array'
            AND ((value_minor IS NOT NULL AND cash_minor IS NOT NULL) OR reasons <> '[]')
        )
    )
    """,
    "CREATE INDEX valuation_owner_idx ON app.valuation (owner_id, business_date, id)",
    """
    CREATE TABLE app.import_mapping (
        id         uuid        NOT NULL,
        owner_id   uuid        NOT NULL,
        name       text        NOT NULL,
        layout     jsonb       NOT NULL,
        version    integer     NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT import_mapping_pkey PRIMARY KEY (id),
        CONSTRAINT import_mapping_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT import_mapping_name_unique UNIQUE (owner_id, name),
        CONSTRAINT import_mapping_name_length CHECK (btrim(name) <> '' AND length(name) <= 200),
        CONSTRAINT import_mapping_layout_object CHECK (jsonb_typeof(layout) = 'object')
    )
    """,
    """
    CREATE TABLE app.import (
        id           uuid        NOT NULL,
        owner_id     uuid        NOT NULL,
        portfolio_id uuid        NOT NULL,
        preset       text        NOT NULL,
        file_sha256  text        NOT NULL,
        row_count    integer     NOT NULL,
        booked       integer     NOT NULL,
        duplicates   integer     NOT NULL,
        errors       integer     NOT NULL,
        drafts       jsonb       NOT NULL DEFAULT '[]',
        created_at   timestamptz NOT NULL,
        CONSTRAINT import_pkey PRIMARY KEY (id),
        CONSTRAINT import_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT import_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT import_counts_real CHECK (
            row_count >= 0 AND booked >= 0 AND duplicates >= 0 AND errors >= 0
        )
    )
    """,
    "CREATE INDEX import_owner_idx ON app.import (owner_id, id)",
    """
    CREATE TABLE app.import_row (
        import_id uuid    NOT NULL,
        row       integer NOT NULL,
        status    text    NOT NULL,
        code      text    NOT NULL,
        detail    text    NOT NULL,
        source    text    NOT NULL,
        CONSTRAINT import_row_pkey PRIMARY KEY (import_id, row),
        CONSTRAINT import_row_import_fkey FOREIGN KEY (import_id) REFERENCES app.import (id) ON DELETE CASCADE,
        CONSTRAINT import_row_status_known CHECK (status IN ('booked', 'duplicate', 'error', 'draft_instrument'))
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
