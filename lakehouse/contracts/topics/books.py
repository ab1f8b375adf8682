"""Events of the books and of orders, which leave PostgreSQL by the outbox."""

from lakehouse.contracts.model import Topic
from lakehouse.contracts.tables.bronze import EVENT_FIELDS, ORDER_EVENTS, PORTFOLIO_EVENTS, TRADE_FILLS

_ORDER = (
    "UTF-8 JSON, one object a message, at least once: drop repeats by event_id. First deliveries of a key are in the "
    "order of seq. The header event_id repeats the field."
)

PORTFOLIO = Topic(
    name="portfolio.events",
    doc=f"What happened to portfolios, transactions and payments, keyed by the portfolio or account. {_ORDER}",
    owner="books",
    schema_id=1,
    key="key",
    event_time="occurred_at_us",
    fields=EVENT_FIELDS,
    bronze=PORTFOLIO_EVENTS,
    producers=("streaming.outbox",),
    consumers=("streaming.landing",),
    examples=(
        '{"event_id":"0199f3a1-b2c3-7def-8123-456789abcdef","seq":41,"type":"portfolio.seeded",'
        '"key":"0199f3a1-b2c0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000000000000,"payload":{"type":"portfolio.seeded",'
        '"portfolio_id":"0199f3a1-b2c0-7aaa-8123-456789abcdef","payload":{"name":"Growth","base_currency":"USD"}}}',
        '{"event_id":"0199f3a1-b2c4-7def-8123-456789abcdef","seq":42,"type":"transaction.booked",'
        '"key":"0199f3a1-b2c0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000000250000,"payload":{"transaction_id":"0199f3a1-b2c4-7bbb-8123-456789abcdef",'
        '"kind":"deposit","currency":"USD","cash":"10000.00"}}',
    ),
)

ORDER = Topic(
    name="order.events",
    doc=f"Every change of an order's state. {_ORDER}",
    owner="trading",
    schema_id=1,
    key="key",
    event_time="occurred_at_us",
    fields=EVENT_FIELDS,
    bronze=ORDER_EVENTS,
    producers=("streaming.outbox",),
    consumers=("streaming.landing",),
    examples=(
        '{"event_id":"0199f3a1-b2d3-7def-8123-456789abcdef","seq":50,"type":"order.accepted",'
        '"key":"0199f3a1-b2d0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000001000000,"payload":{"order_id":"0199f3a1-b2d0-7aaa-8123-456789abcdef",'
        '"symbol":"AAPL","side":"buy","quantity":"10","status":"accepted"}}',
        '{"event_id":"0199f3a1-b2d4-7def-8123-456789abcdef","seq":51,"type":"order.filled",'
        '"key":"0199f3a1-b2d0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000002000000,"payload":{"order_id":"0199f3a1-b2d0-7aaa-8123-456789abcdef",'
        '"status":"filled","price":"125.67","quantity":"10"}}',
    ),
)

FILLS = Topic(
    name="trade.fills",
    doc=f"Every fill of an order, once it is booked, keyed by the portfolio. {_ORDER}",
    owner="trading",
    schema_id=1,
    key="key",
    event_time="occurred_at_us",
    fields=EVENT_FIELDS,
    bronze=TRADE_FILLS,
    producers=("streaming.outbox",),
    consumers=("streaming.landing",),
    examples=(
        '{"event_id":"0199f3a1-b2d5-7def-8123-456789abcdef","seq":52,"type":"trade.filled",'
        '"key":"0199f3a1-b2d0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000002000000,"payload":{"fill_id":"0199f3a1-b2d5-7bbb-8123-456789abcdef",'
        '"venue_trade_id":"sim-3-1789","order_id":"0199f3a1-b2d0-7aaa-8123-456789abcdef","symbol":"AAPL","side":"buy",'
        '"quantity":"10","price":"125.67","gross":"1256.70","fee":"0.35","currency":"USD"}}',
        '{"event_id":"0199f3a1-b2d6-7def-8123-456789abcdef","seq":57,"type":"trade.filled",'
        '"key":"0199f3a1-b2d0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000009000000,"payload":{"fill_id":"0199f3a1-b2d6-7bbb-8123-456789abcdef",'
        '"venue_trade_id":"SIM-1","order_id":"0199f3a1-b2d1-7aaa-8123-456789abcdef","symbol":"AAPL","side":"sell",'
        '"quantity":"4","price":"127.1","gross":"508.40","fee":"0.00","currency":"USD"}}',
    ),
)
