"""Every topic of the platform, by name."""

from lakehouse.contracts.model import ContractError, Stream, Topic
from lakehouse.contracts.tables.bronze import BAR_FIELDS, MARKET_BARS_DAILY, MARKET_TICKS, TICK_FIELDS
from lakehouse.contracts.topics import books, quotes, risk, signals

TICKS = Topic(
    name="market.ticks",
    doc="Raw trades and quotes of every provider, keyed by symbol. UTF-8 JSON, one object a message.",
    owner="market-data",
    schema_id=1,
    key="symbol",
    event_time="event_time_us",
    fields=TICK_FIELDS,
    bronze=MARKET_TICKS,
    producers=("streaming.feed",),
    consumers=("streaming.landing", "streaming.hot", "streaming.quotes"),
    examples=(
        '{"symbol":"AAPL","event_time_us":1672237800123456,"kind":"trade","provider":"simulated","sequence":17,'
        '"price":129.93,"size":100.0}',
        '{"symbol":"IBM","event_time_us":1381152600000000,"kind":"quote","provider":"file","sequence":2,'
        '"bid_price":183.95,"bid_size":2.0,"ask_price":184.1,"ask_size":1.0,"exchange":"NYSE","condition":"R"}',
    ),
)

BARS_DAILY = Topic(
    name="market.bars.daily",
    doc="Daily bars of every provider, keyed by symbol. UTF-8 JSON; prices are decimal strings.",
    owner="market-data",
    schema_id=1,
    key="symbol",
    event_time="business_date",
    fields=BAR_FIELDS,
    bronze=MARKET_BARS_DAILY,
    producers=("streaming.feed",),
    consumers=("streaming.landing",),
    examples=(
        '{"symbol":"AAPL","business_date":"2022-12-28","kind":"close","provider":"skfolio-sp500","currency":"USD","close":"125.674"}',
        '{"symbol":"IBM","business_date":"2013-10-07","kind":"ohlcv","provider":"file","currency":"USD",'
        '"open":"181.85","high":"183.31","low":"181.85","close":"182.01","volume":3966432}',
    ),
)

_ALL = (TICKS, BARS_DAILY, books.PORTFOLIO, books.ORDER, books.FILLS, risk.ALERTS, risk.RULES, signals.SIGNALS)
TOPICS: dict[str, Topic] = {found.name: found for found in _ALL}
# What the platform makes of these and sends on does not land: it can be made again.
DERIVED: tuple[Stream, ...] = (quotes.ENRICHED,)


def topic(name: str) -> Topic:
    """The contract called `name`. Raises ContractError that lists what exists."""
    try:
        return TOPICS[name]
    except KeyError:
        raise ContractError(f"no topic {name!r}; there are {', '.join(sorted(TOPICS))}") from None
