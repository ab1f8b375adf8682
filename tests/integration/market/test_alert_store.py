"""Rules as they are read, alerts as they are written: once each, with their event, and never changed."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from lakehouse.alerting.rules import AlertingError, BadRule, Kind, Rule
from lakehouse.clock import SystemClock
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.settings import Settings
from lakehouse.stores import alerting, postgres, redis
from lakehouse.stores.alerting import Alert, Origin, StoredRule, Tick, alert_of
from lakehouse.stores.postgres import Transaction, rows_of
from tests.factories.alert_rules import as_owner, crossing_of, put_rule

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
TICK = Tick("market.ticks", 2, 4711)


def stored(settings: Settings, *ids: UUID) -> list[StoredRule]:
    return as_owner(settings, lambda made: alerting.rules_of(partial(rows_of, made), list(ids) or None))


def record(settings: Settings, alerts: Sequence[Alert]) -> list[Alert]:
    return as_owner(settings, lambda made: alerting.record(made, alerts, clock=CLOCK))


def rows(settings: Settings, statement: LiteralString) -> list[tuple[object, ...]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(statement).fetchall()


def test_a_crossing_is_written_and_told_once(market: Settings) -> None:
    [rule] = stored(market, put_rule(market))
    first, second = (alert_of(rule, crossing_of(rule, number), TICK, clock=CLOCK) for number in (1, 2))
    again = alert_of(rule, crossing_of(rule, 1), TICK, clock=CLOCK)

    assert record(market, [first]) == [first]
    assert record(market, [again, second]) == [second], "the one that is known is neither written nor told again"
    assert record(market, []) == []

    told = rows(market, "SELECT key, type, owner_id, payload FROM ops.outbox WHERE topic = 'risk.alerts' ORDER BY seq")
    assert [(key, kind, owner) for key, kind, owner, _ in told] == 2 * [(str(rule.id), "alert.triggered", SYSTEM_USER)]
    assert [payload for *_, payload in told] == [first.payload, second.payload]
    assert (first.payload["value"], first.payload["tick_offset"]) == ("151.25", 4711)
    assert rows(market, "SELECT id, sequence, source, tick_offset, message FROM alerting.alert ORDER BY sequence") == [
        (first.id, 1, "hot", 4711, "AAPL at 151.25 is at or above 150"),
        (second.id, 2, "hot", 4711, "AAPL at 151.25 is at or above 150"),
    ]


def test_a_transaction_that_fails_tells_nothing(market: Settings) -> None:
    [rule] = stored(market, put_rule(market))

    async def work(connection: Transaction) -> None:
        assert await alerting.record(connection, [alert_of(rule, crossing_of(rule, 1), None, clock=CLOCK)], clock=CLOCK)
        raise AlertingError("the rest of the batch failed")

    with pytest.raises(AlertingError):
        as_owner(market, work)
    assert rows(market, "SELECT (SELECT count(*) FROM alerting.alert), (SELECT count(*) FROM ops.outbox)") == [(0, 0)]


def test_rules_are_read_with_how_often_the_hot_process_told_them(market: Settings) -> None:
    one, other = put_rule(market), put_rule(market, kind="crossed_quote", limit_value=None, symbol="MSFT")
    [rule] = stored(market, one)
    monitors = alert_of(rule, crossing_of(rule, -1), None, clock=CLOCK, source=Origin.MONITOR)
    record(market, [alert_of(rule, crossing_of(rule, number), TICK, clock=CLOCK) for number in (1, 2, 3)] + [monitors])

    found = stored(market)
    assert [(each.id, each.crossings, each.arming, each.status) for each in found] == [
        (one, 3, 1, "active"),
        (other, 0, 1, "active"),
    ]
    watched = found[0].rule
    assert (watched.kind, watched.limit, watched.subject) == (Kind.PRICE_ABOVE, 150.0, "AAPL")
    assert (watched.hysteresis, watched.cool_down_us) == (0.01, 60_000_000)
    assert found[1].rule.subject == "MSFT"


@pytest.mark.parametrize(
    "columns",
    [
        {"symbol": None},
        {"kind": "drawdown", "limit_value": "0.1"},
        {"kind": "stop_loss"},
        {"limit_value": None},
        {"limit_value": "0"},
        {"limit_value": "NaN"},
        {"is_amount": True},
        {"hysteresis": "1"},
        {"cool_down_s": -1},
        {"kind": "trailing_stop", "portfolio_id": "0197a000-0000-7000-8000-000000000001", "limit_value": "1"},
    ],
    ids=str,
)
def test_what_could_not_be_judged_is_not_written(market: Settings, columns: dict[str, object]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        put_rule(market, **columns)


def test_the_database_allows_no_kind_that_rules_do_not_know(market: Settings) -> None:
    portfolio = rows(market, "SELECT id FROM app.portfolio ORDER BY id LIMIT 1")[0][0]
    for kind in Kind:
        for columns in ({"symbol": "AAPL"}, {"portfolio_id": portfolio, "symbol": None}, {"portfolio_id": portfolio}):
            for limit in (None, "0.5", "2"):
                for is_amount in (False, True):
                    given: dict[str, object] = {
                        **columns,
                        "kind": kind.value,
                        "limit_value": limit,
                        "is_amount": is_amount,
                    }
                    assert is_written(market, given) == is_judged(given), given


def is_written(settings: Settings, columns: dict[str, object]) -> bool:
    try:
        put_rule(settings, **columns)
    except psycopg.errors.CheckViolation:
        return False
    return True


def is_judged(columns: dict[str, object]) -> bool:
    """Whether lakehouse.alerting takes the rule; of a crossed quote the table wants no limit that means nothing."""
    if columns["kind"] == Kind.CROSSED_QUOTE and columns["limit_value"] is not None:
        return False
    given = {"portfolio_id": None, "symbol": "AAPL", **columns}
    limit, portfolio = given["limit_value"], given["portfolio_id"]
    try:
        Rule(
            id="one",
            kind=Kind(str(given["kind"])),
            limit=float("nan") if limit is None else float(str(limit)),
            symbol=None if given["symbol"] is None else str(given["symbol"]),
            portfolio=None if portfolio is None else str(portfolio),
            is_amount=bool(given["is_amount"]),
        )
    except BadRule:
        return False
    return True


def test_an_alert_is_acknowledged_once_and_never_changed(market: Settings) -> None:
    [rule] = stored(market, put_rule(market))
    record(market, [alert_of(rule, crossing_of(rule, 1), TICK, clock=CLOCK)])
    seen = f"UPDATE alerting.alert SET acknowledged_at = now(), acknowledged_by = '{SYSTEM_USER}'"
    for change in (f"{seen}, value = 1", "UPDATE alerting.alert SET message = 'nothing'"):
        with pytest.raises(psycopg.errors.CheckViolation), postgres.connect(market.postgres) as connection:
            connection.execute(change.encode())
    with postgres.connect(market.postgres) as connection:
        assert connection.execute(seen.encode()).rowcount == 1
    for change in (seen, "DELETE FROM alerting.alert"):
        with pytest.raises(psycopg.Error, match=r"fact|append-only"), postgres.connect(market.postgres) as connection:
            connection.execute(change.encode())


def test_a_recorded_alert_is_heard_on_the_channel(market: Settings) -> None:
    [rule] = stored(market, put_rule(market))
    alert = alert_of(rule, crossing_of(rule, 1), TICK, clock=CLOCK)

    async def work() -> str:
        client = redis.connect_async(market.redis)
        async with client, client.pubsub() as heard:
            await heard.subscribe(alerting.CHANNEL)
            await heard.get_message(timeout=120)  # that it is subscribed
            assert await alerting.publish(client, [alert])
            assert await alerting.publish(client, [])
            found = await heard.get_message(timeout=120)
        return "" if found is None else str(found["data"])

    told = asyncio.run(work())
    assert alerting.owner_in(told) == SYSTEM_USER
    assert str(rule.id) in told
    gone = market.redis.model_copy(update={"port": 1})

    async def nobody() -> bool:
        async with redis.connect_async(gone, retries=0) as client:
            return await alerting.publish(client, [alert])

    assert asyncio.run(nobody()) is False


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"owner_id": 1}'])
def test_what_nobody_published_is_refused(text: str) -> None:
    with pytest.raises(alerting.NotAnAlert):
        alerting.owner_in(text)
