"""The master table of symbols, its history and bars, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)
PRICE_UNIT = "instrument currency per unit"


def _price(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, Type.DECIMAL, doc, nullable=nullable, unit=PRICE_UNIT, precision=18, scale=8)


def _units(name: str, doc: str) -> Column:
    return Column(name, Type.DECIMAL, doc, nullable=True, unit="units", precision=28, scale=8)


REALTIME_SYMBOLS = Table(
    name="market.realtime_symbols",
    doc="The current price of every quoted instrument: the one master table of symbols.",
    grain="symbol",
    owner="market-data",
    columns=(
        Column("symbol", Type.STRING, "instrument"),
        _price("price", "last price"),
        _price("bid", "best bid", nullable=True),
        _price("ask", "best ask", nullable=True),
        _units("bid_size", "units at the bid"),
        _units("ask_size", "units at the ask"),
        _price("previous_close", "close of the day before the price's", nullable=True),
        Column("currency", Type.STRING, "ISO 4217 code of the prices"),
        Column("provider", Type.STRING, "who says so"),
        Column("as_of", Type.TIMESTAMP, "when the price was made: an older one never replaces it"),
        Column("seq", Type.INT64, "the provider's order among prices of one instant"),
        Column("updated_at", Type.TIMESTAMP, "when it was recorded"),
        Column("version", Type.INT64, "goes up by one with each change: the seq of the streams"),
    ),
    key=("symbol",),
    stores=POSTGRES,
)

REALTIME_PRICE_HISTORY = Table(
    name="market.realtime_price_history",
    doc="Every price that was observed, also those that came late; never changed.",
    grain="symbol, as_of, provider, seq",
    owner="market-data",
    columns=(
        Column("id", Type.UUID, "UUIDv7, the observation's name in the API"),
        Column("symbol", Type.STRING, "instrument"),
        Column("as_of", Type.TIMESTAMP, "when the price was made"),
        Column("provider", Type.STRING, "who says so"),
        Column("seq", Type.INT64, "the provider's order among prices of one instant"),
        _price("price", "last price"),
        _price("bid", "best bid", nullable=True),
        _price("ask", "best ask", nullable=True),
        _units("size", "units traded at the price"),
        Column("currency", Type.STRING, "ISO 4217 code of the prices"),
        Column("received_at", Type.TIMESTAMP, "when it was recorded"),
    ),
    key=("symbol", "as_of", "provider", "seq"),
    stores=POSTGRES,
)

BAR = Table(
    name="market.bar",
    doc="Bars of a minute, five minutes or a day; the close of a day is what valuations use.",
    grain="symbol, interval, starts_at",
    owner="market-data",
    columns=(
        Column("symbol", Type.STRING, "instrument"),
        Column("interval", Type.STRING, "1m, 5m or 1d"),
        Column("starts_at", Type.TIMESTAMP, "first instant; of a day, midnight UTC of the trading date"),
        _price("open", "first price; absent where only the close is known", nullable=True),
        _price("high", "highest price; absent where only the close is known", nullable=True),
        _price("low", "lowest price; absent where only the close is known", nullable=True),
        _price("close", "last price"),
        _units("volume", "units traded; absent where unknown"),
        Column("provider", Type.STRING, "who says so"),
        Column("received_at", Type.TIMESTAMP, "when it was recorded"),
    ),
    key=("symbol", "interval", "starts_at"),
    stores=POSTGRES,
)

DATA_PROVIDER = Table(
    name="market.data_provider",
    doc="Sources of prices and how they do.",
    grain="name",
    owner="market-data",
    columns=(
        Column("name", Type.STRING, "source"),
        Column("status", Type.STRING, "up, degraded or down, as its adapter last said"),
        Column("quotes", Type.INT64, "prices recorded from it"),
        Column("last_quote_at", Type.TIMESTAMP, "instant of its newest price", nullable=True),
        Column("updated_at", Type.TIMESTAMP, "when this row last changed"),
    ),
    key=("name",),
    stores=POSTGRES,
)


def _raw(name: str, doc: str, unit: str) -> Column:
    return Column(name, Type.FLOAT64, doc, nullable=True, unit=unit)


QUOTE_TICK = Table(
    name="market.quote_tick",
    doc="Every trade and quote that crossed market.ticks and keeps its contract, for quotes.keep_days; a hypertable.",
    grain="one Kafka message, kept single by market.quote_progress: it has no key",
    owner="market-data",
    columns=(
        Column("at", Type.TIMESTAMP, "when it happened at the venue"),
        Column("symbol", Type.STRING, "instrument, in the provider's spelling; it may be one that nobody knows"),
        Column("is_trade", Type.BOOL, "a trade; otherwise a quote"),
        Column("provider", Type.STRING, "who sent it"),
        Column("seq", Type.INT64, "the provider's counter: with provider, symbol and time it names a tick"),
        _raw("price", "trade price", PRICE_UNIT),
        _raw("size", "trade size", "units"),
        _raw("bid", "best bid; absent where the message did not change it", PRICE_UNIT),
        _raw("bid_size", "size at the bid", "units"),
        _raw("ask", "best ask; absent where the message did not change it", PRICE_UNIT),
        _raw("ask_size", "size at the ask", "units"),
        Column("kafka_partition", Type.INT32, "partition of market.ticks"),
        Column("kafka_offset", Type.INT64, "offset in that partition"),
    ),
    key=(),
    stores=POSTGRES,
)

QUOTE_PROGRESS = Table(
    name="market.quote_progress",
    doc="How far market.quote_tick is, moved on with its rows; and the fence: of an earlier epoch nothing is written.",
    grain="topic, partition",
    owner="market-data",
    columns=(
        Column("topic", Type.STRING, "Kafka topic"),
        Column("partition", Type.INT32, "its partition"),
        Column("next_offset", Type.INT64, "first offset that is not written yet"),
        Column("epoch", Type.INT64, "how often a process has taken the partition"),
        Column("owner", Type.STRING, "process that took it last, for people"),
        Column("dropped_before", Type.TIMESTAMP, "ticks before it were dropped: their bars stay", nullable=True),
        Column("updated_at", Type.TIMESTAMP, "when this row last changed"),
    ),
    key=("topic", "partition"),
    stores=POSTGRES,
)

TABLES = (REALTIME_SYMBOLS, REALTIME_PRICE_HISTORY, BAR, DATA_PROVIDER, QUOTE_TICK, QUOTE_PROGRESS)
