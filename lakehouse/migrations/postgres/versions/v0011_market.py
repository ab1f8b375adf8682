"""The master table of symbols, its history, bars and providers. A later step makes hypertables of the long ones."""

from alembic import op

revision = "v0011_market"
down_revision = "v0010_identity"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE market.realtime_symbols (
        symbol         text           NOT NULL,
        price          numeric(18, 8) NOT NULL,
        bid            numeric(18, 8),
        ask            numeric(18, 8),
        bid_size       numeric(28, 8),
        ask_size       numeric(28, 8),
        previous_close numeric(18, 8),
        currency       text           NOT NULL,
        provider       text           NOT NULL,
        as_of          timestamptz    NOT NULL,
        seq            bigint         NOT NULL DEFAULT 0,
        updated_at     timestamptz    NOT NULL,
        version        bigint         NOT NULL DEFAULT 1,
        CONSTRAINT realtime_symbols_pkey PRIMARY KEY (symbol),
        CONSTRAINT realtime_symbols_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT realtime_symbols_price_positive CHECK (price > 0 AND price <> 'NaN'),
        CONSTRAINT realtime_symbols_close_positive CHECK (previous_close > 0 AND previous_close <> 'NaN'),
        CONSTRAINT realtime_symbols_not_crossed CHECK (
            bid > 0 AND bid <> 'NaN' AND ask > 0 AND ask <> 'NaN' AND bid <= ask
        ),
        CONSTRAINT realtime_symbols_currency_iso CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT realtime_symbols_provider_shape CHECK (provider ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
        CONSTRAINT realtime_symbols_version_positive CHECK (version > 0)
    )
    """,
    # Readers that lost the subscription ask for what has changed since.
    "CREATE INDEX realtime_symbols_updated_idx ON market.realtime_symbols (updated_at)",
    """
    CREATE TABLE market.realtime_price_history (
        id          uuid           NOT NULL,
        symbol      text           NOT NULL,
        as_of       timestamptz    NOT NULL,
        provider    text           NOT NULL,
        seq         bigint         NOT NULL DEFAULT 0,
        price       numeric(18, 8) NOT NULL,
        bid         numeric(18, 8),
        ask         numeric(18, 8),
        size        numeric(28, 8),
        currency    text           NOT NULL,
        received_at timestamptz    NOT NULL,
        CONSTRAINT realtime_price_history_pkey PRIMARY KEY (symbol, as_of, provider, seq),
        CONSTRAINT realtime_price_history_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT realtime_price_history_price_positive CHECK (price > 0 AND price <> 'NaN'),
        CONSTRAINT realtime_price_history_not_crossed CHECK (
            bid > 0 AND bid <> 'NaN' AND ask > 0 AND ask <> 'NaN' AND bid <= ask
        ),
        CONSTRAINT realtime_price_history_size_real CHECK (size >= 0 AND size <> 'NaN'),
        CONSTRAINT realtime_price_history_currency_iso CHECK (currency ~ '^[A-Z]{3}$')
    )
    """,
    # Not unique: a hypertable cannot have a unique index without its time.
    "CREATE INDEX realtime_price_history_id_idx ON market.realtime_price_history (id)",
    # What was observed never changes; old observations may be dropped by the owner.
    """
    CREATE TRIGGER realtime_price_history_append_only BEFORE UPDATE ON market.realtime_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
    """,
    "REVOKE UPDATE, DELETE ON market.realtime_price_history FROM tidemark_api",
    """
    CREATE TABLE market.bar (
        symbol      text           NOT NULL,
        interval    text           NOT NULL,
        starts_at   timestamptz    NOT NULL,
        open        numeric(18, 8),
        high        numeric(18, 8),
        low         numeric(18, 8),
        close       numeric(18, 8) NOT NULL,
        volume      numeric(28, 8),
        provider    text           NOT NULL,
        received_at timestamptz    NOT NULL,
        CONSTRAINT bar_pkey PRIMARY KEY (symbol, interval, starts_at),
        CONSTRAINT bar_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT bar_interval_known CHECK (interval IN ('1m', '5m', '1d')),
        CONSTRAINT bar_close_positive CHECK (close > 0 AND close <> 'NaN'),
        CONSTRAINT bar_low_lowest CHECK (low > 0 AND low <= close AND low <= open AND low <= high),
        CONSTRAINT bar_high_highest CHECK (high <> 'NaN' AND high >= close AND high >= open),
        CONSTRAINT bar_volume_real CHECK (volume >= 0 AND volume <> 'NaN'),
        CONSTRAINT bar_starts_whole CHECK (
            extract(epoch FROM starts_at) % (CASE interval WHEN '1m' THEN 60 WHEN '5m' THEN 300 ELSE 86400 END) = 0
        )
    )
    """,
    """
    CREATE TABLE market.data_provider (
        name          text        NOT NULL,
        status        text        NOT NULL DEFAULT 'up',
        quotes        bigint      NOT NULL DEFAULT 0,
        last_quote_at timestamptz,
        updated_at    timestamptz NOT NULL,
        CONSTRAINT data_provider_pkey PRIMARY KEY (name),
        CONSTRAINT data_provider_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
        CONSTRAINT data_provider_status_known CHECK (status IN ('up', 'degraded', 'down'))
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
