"""Every tick in a hypertable, and how far the quotes' writer is."""

from alembic import op

revision = "v0024_quote_tick"
down_revision = "v0023_alerting"

STATEMENTS: tuple[str, ...] = (
    # No key: the writer's progress, moved on in the same transaction, keeps ticks single, and an index less is time
    # that each of them is spared. No foreign key either: a tick of an unknown symbol is kept as bronze keeps it.
    """
    CREATE TABLE market.quote_tick (
        at              timestamptz      NOT NULL,
        symbol          text             NOT NULL COLLATE "C",
        is_trade        boolean          NOT NULL,
        provider        text             NOT NULL,
        seq             bigint           NOT NULL,
        price           double precision,
        size            double precision,
        bid             double precision,
        bid_size        double precision,
        ask             double precision,
        ask_size        double precision,
        kafka_partition integer          NOT NULL,
        kafka_offset    bigint           NOT NULL
    )
    """,
    "CREATE INDEX quote_tick_symbol_idx ON market.quote_tick (symbol, at DESC)",
    # A server without TimescaleDB keeps it as a plain table.
    """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
            PERFORM create_hypertable(
                'market.quote_tick', by_range('at', INTERVAL '1 day'), create_default_indexes => false
            );
        END IF;
    END $$
    """,
    """
    CREATE TABLE market.quote_progress (
        topic          text        NOT NULL,
        partition      integer     NOT NULL,
        next_offset    bigint      NOT NULL,
        epoch          bigint      NOT NULL,
        owner          text        NOT NULL,
        dropped_before timestamptz,
        updated_at     timestamptz NOT NULL,
        CONSTRAINT quote_progress_pkey PRIMARY KEY (topic, partition),
        CONSTRAINT quote_progress_partition_counted CHECK (partition >= 0),
        CONSTRAINT quote_progress_offset_counted CHECK (next_offset >= 0),
        CONSTRAINT quote_progress_epoch_positive CHECK (epoch > 0)
    )
    """,
    "REVOKE INSERT, UPDATE, DELETE ON market.quote_tick, market.quote_progress FROM tidemark_api",
    # Bars and latest prices are updated some times a second: room on their pages keeps the new version beside the old.
    "ALTER TABLE market.bar SET (fillfactor = 80)",
    "ALTER TABLE market.realtime_symbols SET (fillfactor = 50)",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
