"""Instruments, portfolios and their positions."""

from alembic import op

revision = "v0001_portfolios"
down_revision = None

STATEMENTS = (
    "CREATE SCHEMA app",
    """
    CREATE TABLE app.instrument (
        symbol      text        NOT NULL,
        name        text        NOT NULL,
        currency    text        NOT NULL,
        exchange    text        NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT instrument_pkey PRIMARY KEY (symbol),
        CONSTRAINT instrument_symbol_shape CHECK (symbol ~ '^[A-Z0-9][A-Z0-9.^=/_-]{0,31}$'),
        CONSTRAINT instrument_name_not_blank CHECK (btrim(name) <> '' AND length(name) <= 200),
        CONSTRAINT instrument_currency_iso CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT instrument_exchange_mic CHECK (exchange ~ '^[A-Z0-9]{4}$')
    )
    """,
    """
    CREATE TABLE app.portfolio (
        id            uuid        NOT NULL,
        name          text        NOT NULL,
        description   text        NOT NULL DEFAULT '',
        base_currency text        NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT portfolio_pkey PRIMARY KEY (id),
        CONSTRAINT portfolio_name_unique UNIQUE (name),
        CONSTRAINT portfolio_name_not_blank CHECK (btrim(name) <> '' AND length(name) <= 200),
        CONSTRAINT portfolio_description_length CHECK (length(description) <= 2000),
        CONSTRAINT portfolio_currency_iso CHECK (base_currency ~ '^[A-Z]{3}$')
    )
    """,
    """
    CREATE TABLE app.position (
        portfolio_id uuid           NOT NULL,
        symbol       text           NOT NULL,
        quantity     numeric(28, 8) NOT NULL,
        updated_at   timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT position_pkey PRIMARY KEY (portfolio_id, symbol),
        CONSTRAINT position_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT position_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT position_quantity_real CHECK (quantity <> 0 AND quantity <> 'NaN')
    )
    """,
    # Who holds an instrument: the foreign key's own look-up, and the first question of every corporate action.
    "CREATE INDEX position_symbol_idx ON app.position (symbol)",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
