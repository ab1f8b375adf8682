"""Events of alert rules and of the alerts that they give, which leave PostgreSQL by the outbox."""

from lakehouse.contracts.model import Topic
from lakehouse.contracts.tables.bronze import EVENT_FIELDS, RISK_ALERTS, RISK_RULES

_ORDER = "UTF-8 JSON, one object a message, at least once: drop repeats by event_id. Keyed by the rule."

ALERTS = Topic(
    name="risk.alerts",
    doc=f"Alerts when a rule is broken, and when their owner has seen them. {_ORDER}",
    owner="risk",
    schema_id=1,
    key="key",
    event_time="occurred_at_us",
    fields=EVENT_FIELDS,
    bronze=RISK_ALERTS,
    producers=("streaming.outbox",),
    consumers=("streaming.landing", "streaming.mail"),
    examples=(
        '{"event_id":"0199f3a1-b2e3-7def-8123-456789abcdef","seq":60,"type":"alert.triggered",'
        '"key":"0199f3a1-b2e0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000003000000,"payload":{"id":"0199f3a1-b2e3-7bbb-8123-456789abcdef",'
        '"rule_id":"0199f3a1-b2e0-7aaa-8123-456789abcdef",'
        '"subject":"0199f3a1-b2c0-7aaa-8123-456789abcdef:AAPL","sequence":1,"source":"hot",'
        '"portfolio_id":"0199f3a1-b2c0-7aaa-8123-456789abcdef","symbol":"AAPL","kind":"stop_loss",'
        '"severity":"critical","at":"2026-09-21T14:13:23+00:00","value":"119.98","bound":"120.0",'
        '"tick_topic":"market.ticks","tick_partition":2,"tick_offset":4711,'
        '"message":"AAPL at 119.98 is beyond the stop-loss of 120"}}',
        '{"event_id":"0199f3a1-b2e4-7def-8123-456789abcdef","seq":61,"type":"alert.acknowledged",'
        '"key":"0199f3a1-b2e0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000009000000,"payload":{"id":"0199f3a1-b2e3-7bbb-8123-456789abcdef",'
        '"rule_id":"0199f3a1-b2e0-7aaa-8123-456789abcdef","sequence":1,'
        '"acknowledged_by":"0199f000-0000-7000-8000-000000000001"}}',
    ),
)

RULES = Topic(
    name="risk.rules",
    doc=f"Every change of an alert rule: a hint to read the rule again. {_ORDER}",
    owner="risk",
    schema_id=1,
    key="key",
    event_time="occurred_at_us",
    fields=EVENT_FIELDS,
    bronze=RISK_RULES,
    producers=("streaming.outbox",),
    consumers=("streaming.landing", "streaming.hot"),
    examples=(
        '{"event_id":"0199f3a1-b2e1-7def-8123-456789abcdef","seq":58,"type":"rule.created",'
        '"key":"0199f3a1-b2e0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000002000000,"payload":{"rule_id":"0199f3a1-b2e0-7aaa-8123-456789abcdef",'
        '"portfolio_id":"0199f3a1-b2c0-7aaa-8123-456789abcdef","symbol":"AAPL","kind":"stop_loss",'
        '"status":"active","arming":1,"version":1}}',
        '{"event_id":"0199f3a1-b2e2-7def-8123-456789abcdef","seq":59,"type":"rule.deleted",'
        '"key":"0199f3a1-b2e0-7aaa-8123-456789abcdef","owner_id":"0199f000-0000-7000-8000-000000000001",'
        '"occurred_at_us":1790000002500000,"payload":{"rule_id":"0199f3a1-b2e0-7aaa-8123-456789abcdef",'
        '"portfolio_id":"0199f3a1-b2c0-7aaa-8123-456789abcdef","symbol":"AAPL","kind":"stop_loss",'
        '"status":"active","arming":1,"version":1}}',
    ),
)
