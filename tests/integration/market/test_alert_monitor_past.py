"""The quarter-hourly look at rules that need a past, from bars, valuations and bookings in PostgreSQL."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from lakehouse.alerting.past import WHY
from lakehouse.alerting.rules import Kind
from lakehouse.cli.alerts_job import look_at_all
from lakehouse.clock import ManualClock, SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.alert_past import booked_since, peaks
from lakehouse.stores.books.booking import reverse
from lakehouse.stores.postgres import Transaction
from tests.factories.alert_rules import as_owner, put_rule
from tests.factories.books import Holder, buy, deposit, holder, inside, opened, put

pytestmark = pytest.mark.integration

NAME = "PAST"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def owner(market: Settings) -> Holder:
    """100 units bought at 50, and 5,000.00 USD."""
    made = holder(market, symbols=(NAME,))
    put(made, [deposit(1, 1_000_000), buy(2, "100", "50", symbol=NAME)])
    return made


class Looks:
    """Looks from tomorrow noon on, so that nothing was booked on their day."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        noon = (SystemClock().now() + timedelta(days=1)).replace(hour=12)
        self.clock = ManualClock(noon)
        self.midnight = noon.replace(hour=0, minute=0, second=0, microsecond=0)

    def do(self, statement: str, **names: object) -> list[tuple[Any, ...]]:
        with postgres.connect(self.settings.postgres) as connection:
            found = connection.execute(statement.encode(), names)
            return found.fetchall() if found.description else []

    def bar(self, at: datetime, price: str, interval: str = "5m") -> None:
        self.do(
            "INSERT INTO market.bar (symbol, interval, starts_at, open, high, low, close, volume, provider, "
            "received_at) VALUES (%(symbol)s, %(interval)s, %(at)s, %(price)s, %(price)s, %(price)s, %(price)s, 1, "
            "'test', %(at)s)",
            symbol=NAME,
            interval=interval,
            at=at,
            price=price,
        )

    def close(self, owner: Holder, days: int, value: int) -> None:
        """What it was worth at a close so many days from today, in cents."""
        self.do(
            "INSERT INTO app.valuation (id, owner_id, portfolio_id, business_date, currency, value_minor, cash_minor, "
            "net_flow_minor, computed_at) VALUES (%(id)s, %(owner)s, %(portfolio)s, %(day)s, 'USD', %(value)s, 0, 0, "
            "now())",
            id=uuid7(self.clock),
            owner=owner.owner_id,
            portfolio=owner.portfolio_id,
            day=(SystemClock().now() + timedelta(days=days)).date(),
            value=value,
        )

    def price(self, price: str) -> None:
        self.clock.sleep(900)
        self.do(
            "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, seq, updated_at) "
            "VALUES (%(symbol)s, %(price)s, 'USD', 'test', %(at)s, 0, %(at)s) "
            "ON CONFLICT (symbol) DO UPDATE SET price = excluded.price, as_of = excluded.as_of",
            symbol=NAME,
            price=price,
            at=self.clock.now() - MINUTE,
        )

    def look(self, rule: UUID) -> tuple[Any, ...]:
        """Outcome, reason, value and bound."""
        asyncio.run(look_at_all(self.settings, clock=self.clock))
        return self.do("SELECT outcome, reason, value, bound FROM alerting.verdict WHERE rule_id = %(r)s", r=rule)[0]


def own(owner: Holder, kind: Kind, limit: str) -> dict[str, object]:
    symbol = NAME if kind is Kind.TRAILING_STOP else None
    return {
        "owner_id": owner.owner_id,
        "portfolio_id": owner.portfolio_id,
        "symbol": symbol,
        "kind": kind.value,
        "limit_value": limit,
        "cool_down_s": 0,
    }


def test_a_trailing_stop_behind_the_best_bar_since_it_was_armed(market: Settings, owner: Holder) -> None:
    looks = Looks(market)
    looks.bar(looks.midnight - timedelta(days=4), "200")
    rule = put_rule(market, **own(owner, Kind.TRAILING_STOP, "0.1"))
    looks.price("80")
    assert looks.look(rule)[:2] == ("not_judged", WHY[Kind.TRAILING_STOP])
    looks.bar(looks.midnight, "100")
    looks.price("91")
    assert looks.look(rule)[0] == "kept", "the bar from before it was armed does not count"
    looks.price("90")
    assert looks.look(rule) == ("waiting", "", 90.0, 90.0)
    looks.price("89")
    assert looks.look(rule)[0] == "missed"


def test_a_drawdown_from_the_highest_value_at_a_close_since(market: Settings, owner: Holder) -> None:
    looks = Looks(market)
    rule = put_rule(market, **own(owner, Kind.DRAWDOWN, "0.2"))
    looks.price("50")
    assert looks.look(rule)[:2] == ("not_judged", WHY[Kind.DRAWDOWN])
    for days, value in ((-1, 9_000_000), (1, 1_250_000)):
        looks.close(owner, days, value)
    looks.price("51")
    assert looks.look(rule)[0] == "kept"
    looks.price("50")
    assert looks.look(rule) == ("waiting", "", 2_500.0, 2_500.0)


def test_a_deposit_that_was_reversed_after_the_close_is_in_no_drawdown(market: Settings, owner: Holder) -> None:
    looks = Looks(market)
    rule = put_rule(market, **own(owner, Kind.DRAWDOWN, "0.2"))
    mistaken = put(owner, [deposit(3, 9_000_000)])[0]
    looks.close(owner, 1, 10_000_000)
    looks.close(owner, 3, 1_000_000)
    clock = ManualClock(SystemClock().now() + timedelta(days=2))

    async def undo(connection: Transaction) -> UUID:
        return await reverse(connection, await opened(connection, owner), mistaken, clock=clock)

    inside(market, undo)
    looks.price("50")
    assert looks.look(rule)[0] == "kept", "its peak is the close after that"
    assert as_owner(market, peaks) == {str(owner.portfolio_id): 100_000_000}


def test_the_days_loss_since_the_last_trade_before_it_while_nothing_is_booked(market: Settings, owner: Holder) -> None:
    looks = Looks(market)
    rule = put_rule(market, **own(owner, Kind.DAILY_LOSS, "0.1"))
    looks.price("50")
    assert looks.look(rule)[:2] == ("not_judged", WHY[Kind.DAILY_LOSS])
    looks.bar(looks.midnight - 2 * MINUTE, "60", "1m")
    looks.bar(looks.midnight - MINUTE, "50", "1m")
    looks.bar(looks.midnight + MINUTE, "70", "1m")
    looks.price("41")
    assert looks.look(rule)[0] == "kept"
    looks.price("40")
    assert looks.look(rule) == ("waiting", "", 1_000.0, 1_000.0)
    quote = (
        "INSERT INTO market.quote_tick (at, symbol, is_trade, provider, seq, bid, ask, kafka_partition, kafka_offset) "
    )
    for minutes, bid, ask in ((0.2, 90, 80), (0.5, 59, 61), (1.5, 99, 101)):
        values = "VALUES (%(at)s, %(symbol)s, false, 'test', 1, %(bid)s, %(ask)s, 0, 0)"
        looks.do(quote + values, at=looks.midnight - minutes * MINUTE, symbol=NAME, bid=bid, ask=ask)
    looks.price("40")
    assert looks.look(rule)[3] == 1_100.0, "a tenth of the equity at the middle of the last quote that has one"
    start = SystemClock().now() - timedelta(days=1)
    for since, booked in ((start, {str(owner.portfolio_id)}), (looks.midnight, set())):
        assert as_owner(market, partial(booked_since, since=since)) == booked


def test_the_value_at_risk_of_marts_that_do_not_answer_is_not_judged(market: Settings, owner: Holder) -> None:
    looks = Looks(market)
    rule = put_rule(market, **own(owner, Kind.VAR_BATCH, "0.01"))
    looks.price("50")
    assert looks.look(rule)[:2] == ("not_judged", WHY[Kind.VAR_BATCH])
