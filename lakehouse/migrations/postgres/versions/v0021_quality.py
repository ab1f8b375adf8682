"""Quality: findings, freshness and corporate actions."""

from alembic import op

revision = "v0021_quality"
down_revision = "v0020_models"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE ops.quality_finding (
        id         uuid        NOT NULL,
        run_id     text        NOT NULL,
        table_name text        NOT NULL,
        check_name text        NOT NULL,
        subject    text        NOT NULL,
        as_of      date        NOT NULL,
        job        text        NOT NULL,
        kind       text        NOT NULL,
        grade      text        NOT NULL,
        row_count  bigint      NOT NULL,
        detail     text        NOT NULL,
        found_at   timestamptz NOT NULL,
        CONSTRAINT quality_finding_pkey PRIMARY KEY (id),
        CONSTRAINT quality_finding_once UNIQUE (run_id, table_name, check_name, subject, as_of),
        CONSTRAINT quality_finding_grade_known CHECK (grade IN ('fail', 'warn')),
        CONSTRAINT quality_finding_found_something CHECK (row_count > 0)
    )
    """,
    # What jobs find and operators apply, the API only shows.
    "REVOKE INSERT, UPDATE, DELETE ON ops.quality_finding FROM tidemark_api",
    """
    CREATE TABLE app.corporate_action (
        id             uuid           NOT NULL,
        symbol         text           NOT NULL,
        kind           text           NOT NULL,
        ex_date        date           NOT NULL,
        ratio          numeric(28, 8),
        related_symbol text,
        cost_share     numeric(12, 8),
        amount         numeric(18, 8),
        currency       text,
        adjusts_prices boolean        NOT NULL DEFAULT true,
        source         text           NOT NULL,
        applied_at     timestamptz    NOT NULL,
        reversed_at    timestamptz,
        CONSTRAINT corporate_action_pkey PRIMARY KEY (id),
        CONSTRAINT corporate_action_symbol_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT corporate_action_related_fkey FOREIGN KEY (related_symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT corporate_action_kind_known CHECK (kind IN ('split', 'reverse_split', 'spin_off', 'dividend')),
        CONSTRAINT corporate_action_ratio CHECK (
            (kind = 'dividend') = (ratio IS NULL) AND (ratio IS NULL OR ratio > 0)
        ),
        CONSTRAINT corporate_action_way CHECK (
            (kind <> 'split' OR ratio > 1) AND (kind <> 'reverse_split' OR ratio < 1)
        ),
        CONSTRAINT corporate_action_spin_off CHECK (
            (kind = 'spin_off') = (related_symbol IS NOT NULL) AND (kind = 'spin_off') = (cost_share IS NOT NULL)
            AND (cost_share IS NULL OR cost_share > 0 AND cost_share < 1)
            AND (related_symbol IS NULL OR related_symbol <> symbol)
        ),
        CONSTRAINT corporate_action_dividend CHECK (
            (kind = 'dividend') = (amount IS NOT NULL) AND (kind = 'dividend') = (currency IS NOT NULL)
            AND (amount IS NULL OR amount > 0)
        ),
        CONSTRAINT corporate_action_reversed_later CHECK (reversed_at IS NULL OR reversed_at >= applied_at)
    )
    """,
    """
    CREATE UNIQUE INDEX corporate_action_once ON app.corporate_action (symbol, kind, ex_date)
    WHERE reversed_at IS NULL
    """,
    "REVOKE INSERT, UPDATE, DELETE ON app.corporate_action FROM tidemark_api",
    "ALTER TABLE app.transaction DROP CONSTRAINT transaction_source_known",
    """
    ALTER TABLE app.transaction ADD CONSTRAINT transaction_source_known
    CHECK (source IN ('api', 'import', 'fill', 'payment', 'seed', 'corporate_action'))
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
