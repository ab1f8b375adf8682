"""Bronze: everything that crossed Kafka, exactly once, as it came."""

from lakehouse.contracts.model import Column, Engine, Table, Type

PROVENANCE = (
    Column("_topic", Type.STRING, "topic that the message crossed"),
    Column("_partition", Type.INT32, "partition of that topic"),
    Column("_offset", Type.INT64, "offset in that partition"),
    Column("_kafka_ts", Type.TIMESTAMP, "time that the broker or producer stamped"),
    Column("_ingest_ts", Type.TIMESTAMP, "time that the lander read the message"),
    Column("_ingest_date", Type.DATE, "UTC date of _ingest_ts: the partition, so that past days can be compacted"),
    Column("_schema_id", Type.INT32, "contract version that decoded the message"),
)
EXTRA = Column("_extra", Type.JSON, "fields that the contract does not know, as a JSON object", nullable=True)


def _price(name: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name, Type.DECIMAL, doc, nullable, "currency per unit", precision=18, scale=8)


TICK_FIELDS = (
    Column("symbol", Type.STRING, "instrument, in the provider's spelling"),
    Column("event_time_us", Type.INT64, "when it happened at the venue", unit="microseconds since 1970-01-01 UTC"),
    Column("kind", Type.STRING, "trade or quote"),
    Column("provider", Type.STRING, "who sent it; `simulated` where no market made it"),
    Column("sequence", Type.INT64, "the provider's own counter: with provider, symbol and time it names a tick"),
    Column("price", Type.FLOAT64, "trade price", nullable=True, unit="currency per unit"),
    Column("size", Type.FLOAT64, "trade size", nullable=True, unit="units"),
    Column(
        "bid_price",
        Type.FLOAT64,
        "best bid; absent where this message did not change it",
        nullable=True,
        unit="currency per unit",
    ),
    Column("bid_size", Type.FLOAT64, "size at the bid", nullable=True, unit="units"),
    Column(
        "ask_price",
        Type.FLOAT64,
        "best ask; absent where this message did not change it",
        nullable=True,
        unit="currency per unit",
    ),
    Column("ask_size", Type.FLOAT64, "size at the ask", nullable=True, unit="units"),
    Column("exchange", Type.STRING, "venue code", nullable=True),
    Column("condition", Type.STRING, "the venue's sale or quote condition", nullable=True),
)

BAR_FIELDS = (
    Column("symbol", Type.STRING, "instrument, in the provider's spelling"),
    Column("business_date", Type.DATE, "trading day"),
    Column("kind", Type.STRING, "ohlcv, or close where the source has closes only"),
    Column("provider", Type.STRING, "who sent it"),
    Column("currency", Type.STRING, "ISO 4217 code of the prices"),
    _price("open", "first price"),
    _price("high", "highest price"),
    _price("low", "lowest price"),
    _price("close", "last price, adjusted as the provider says", nullable=False),
    Column("volume", Type.INT64, "units traded", nullable=True, unit="units"),
)

SIGNAL_FIELDS = (
    Column("signal_id", Type.UUID, "the maker's own id, by which repeats are dropped"),
    Column("symbol", Type.STRING, "instrument"),
    Column("event_time_us", Type.INT64, "when it was made", unit="microseconds since 1970-01-01 UTC"),
    Column("side", Type.STRING, "buy or sell"),
    Column("confidence", Type.FLOAT64, "how sure it is, from 0 to 1", unit="1"),
    Column("source", Type.STRING, "who made it, by the name that portfolios follow"),
    _price("reference_price", "price that it was made at"),
    Column("reason", Type.STRING, "why, for people"),
    Column("filing", Type.STRING, "filing or article that it was made of, by its address", nullable=True),
)

# An event as the outbox relays it: `payload` holds what the kind of event says, whole.
EVENT_FIELDS = (
    Column("event_id", Type.UUID, "UUIDv7, by which consumers drop repeats: an event may cross Kafka more than once"),
    Column("seq", Type.INT64, "place in ops.outbox; it goes up within a key"),
    Column("type", Type.STRING, "kind of event"),
    Column("key", Type.STRING, "id of the object whose events keep their order; the message key"),
    Column("owner_id", Type.UUID, "user whom it concerns"),
    Column("occurred_at_us", Type.INT64, "when it happened", unit="microseconds since 1970-01-01 UTC"),
    Column("payload", Type.JSON, "the event's own fields; money and quantities in it are decimal strings"),
)


def _events(name: str, doc: str, owner: str) -> Table:
    return Table(
        name=name,
        doc=doc,
        grain="one Kafka message; an event_id may come twice",
        owner=owner,
        columns=(*PROVENANCE, *EVENT_FIELDS, EXTRA),
        key=("_topic", "_partition", "_offset"),
        partition_by="_ingest_date",
        stats_columns=("_partition", "_offset", "occurred_at_us"),
        writer=Engine.DELTA_RS,
    )


PORTFOLIO_EVENTS = _events("bronze.portfolio_events_v1", "What happened to portfolios and their books.", "books")
ORDER_EVENTS = _events("bronze.order_events_v1", "What happened to orders.", "trading")
TRADE_FILLS = _events("bronze.trade_fills_v1", "Fills of orders, as they were booked.", "trading")
RISK_ALERTS = _events("bronze.risk_alerts_v1", "Rules that were broken, and alerts that were seen.", "risk")
RISK_RULES = _events("bronze.risk_rules_v1", "What happened to alert rules.", "risk")

TRADING_SIGNALS = Table(
    name="bronze.trading_signals_v1",
    doc="Signals of pipelines that read filings and news.",
    grain="one Kafka message; a signal_id may come twice",
    owner="trading",
    columns=(*PROVENANCE, *SIGNAL_FIELDS, EXTRA),
    key=("_topic", "_partition", "_offset"),
    partition_by="_ingest_date",
    stats_columns=("_partition", "_offset", "event_time_us"),
    writer=Engine.DELTA_RS,
)

MARKET_TICKS = Table(
    name="bronze.market_ticks_v1",
    doc="Raw trades and quotes.",
    grain="one Kafka message",
    owner="market-data",
    columns=(*PROVENANCE, *TICK_FIELDS, EXTRA),
    key=("_topic", "_partition", "_offset"),
    partition_by="_ingest_date",
    stats_columns=("_partition", "_offset", "event_time_us"),
    writer=Engine.DELTA_RS,
)

MARKET_BARS_DAILY = Table(
    name="bronze.market_bars_daily_v1",
    doc="Raw daily bars.",
    grain="one Kafka message",
    owner="market-data",
    columns=(*PROVENANCE, *BAR_FIELDS, EXTRA),
    key=("_topic", "_partition", "_offset"),
    partition_by="_ingest_date",
    stats_columns=("_partition", "_offset", "business_date"),
    writer=Engine.DELTA_RS,
)

QUARANTINE = Table(
    name="bronze.quarantine_v1",
    doc="Messages that broke their contract, whole, with the reason.",
    grain="one Kafka message",
    owner="market-data",
    columns=(
        *PROVENANCE,
        Column("reason", Type.STRING, "one of lakehouse.contracts.reasons.Reason"),
        Column("detail", Type.STRING, "what was wrong, with the value"),
        Column("source", Type.STRING, "provider or FILE:ROW that the message names", nullable=True),
        Column("key", Type.BINARY, "message key", nullable=True),
        Column("raw", Type.BINARY, "message as it came, cut at landing.max_message_bytes"),
    ),
    key=("_topic", "_partition", "_offset"),
    partition_by="_ingest_date",
    writer=Engine.DELTA_RS,
)

TABLES = (
    MARKET_TICKS,
    MARKET_BARS_DAILY,
    PORTFOLIO_EVENTS,
    ORDER_EVENTS,
    TRADE_FILLS,
    RISK_ALERTS,
    RISK_RULES,
    TRADING_SIGNALS,
    QUARANTINE,
)
