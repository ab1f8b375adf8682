"""Quotes that the platform has made of ticks."""

from lakehouse.contracts.model import Column, Stream, Type

_UNIT = "instrument currency per unit"


def _price(name: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name, Type.DECIMAL, doc, nullable, _UNIT, precision=18, scale=8)


ENRICHED = Stream(
    name="market.quotes.enriched",
    doc=(
        "The newest quote of a symbol each time that it changed, conflated to some a second, keyed by symbol. UTF-8 "
        "JSON; decimals are strings. At least once: a version that is not above the last one of its symbol is a repeat."
    ),
    owner="market-data",
    schema_id=1,
    key="symbol",
    event_time="event_time_us",
    fields=(
        Column("symbol", Type.STRING, "instrument"),
        Column("version", Type.INT64, "goes up by one with each change of market.realtime_symbols"),
        Column("event_time_us", Type.INT64, "when the price was made", unit="microseconds since 1970-01-01 UTC"),
        Column("provider", Type.STRING, "who sent it"),
        Column("currency", Type.STRING, "ISO 4217 code of the prices"),
        _price("price", "last price", nullable=False),
        _price("bid", "best bid"),
        _price("ask", "best ask"),
        _price("mid", "middle of bid and ask; absent without both"),
        Column("spread_bps", Type.FLOAT64, "ask less bid, in 1/10,000 of mid", nullable=True, unit="basis points"),
        _price("previous_close", "close of the day before the price's"),
        _price("change", "price less previous close"),
        Column("change_ratio", Type.FLOAT64, "change in units of the previous close", nullable=True, unit="1"),
    ),
    producers=("streaming.quotes",),
    consumers=(),
    examples=(
        '{"symbol":"AAPL","version":7,"event_time_us":1672237800123456,"provider":"simulated","currency":"USD",'
        '"price":"129.93","bid":"129.92","ask":"129.94","mid":"129.93","spread_bps":1.539290388671,'
        '"previous_close":"130.03","change":"-0.10","change_ratio":-0.000769053295}',
        '{"symbol":"IBM","version":1,"event_time_us":1381152600000000,"provider":"file","currency":"USD",'
        '"price":"184.025","bid":null,"ask":null,"mid":null,"spread_bps":null,"previous_close":null,"change":null,'
        '"change_ratio":null}',
    ),
)
