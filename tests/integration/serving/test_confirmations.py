"""Proposals become orders when they are confirmed: all or none, no trade twice, and never by an old price."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.confirmations.repository import AUTOMATIC
from serving.confirmations.service import SOURCE
from tests.factories.api_users import api_user
from tests.factories.trading import Desk, desks
from tests.integration.serving.conftest import Served
from tests.integration.serving.test_proposals import delivered

pytestmark = pytest.mark.integration

TODAY = SystemClock().now().date()
OLD, NEW = "CNFOLD", "CNFNEW"


class Owner:
    """Holds 100 units of OLD and 1,000.00 USD, both symbols at 100."""

    def __init__(self, settings: Settings, desk: Desk, client: httpx.Client) -> None:
        self.settings, self.desk, self.client = settings, desk, client

    def proposal(self, *trades: tuple[str, str, int], day: date = TODAY, **changed: Any) -> UUID:
        """A proposal with these trades in place of the one that `delivered` writes."""
        made = delivered(self.settings, str(self.desk.portfolio_id), day, trade_count=len(trades), **changed)
        with postgres.connect(self.settings.postgres) as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM app.proposal_trade WHERE proposal_id = %s", (made,))
            cursor.executemany(
                "INSERT INTO app.proposal_trade VALUES (%s, %s, %s, %s, %s, 100, 100, 0, 0, 0, '[]', '', NULL)",
                [(made, line, symbol, side, units) for line, (symbol, side, units) in enumerate(trades)],
            )
        return made

    def confirm(self, proposal: UUID, key: str | None = None, **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self.client.post(f"/api/v1/proposals/{proposal}/confirm", json=body, headers=headers)

    def orders(self) -> list[tuple[Any, ...]]:
        return self.desk.rows(
            "SELECT symbol, side, type, quantity, source, status FROM trading.order "
            "WHERE portfolio_id = %(p)s ORDER BY id"
        )

    def price(self, symbol: str, price: str, currency: str = "USD") -> None:
        told = (price, currency, symbol)
        with postgres.connect(self.settings.postgres) as connection:
            connection.execute("UPDATE market.realtime_symbols SET price = %s, currency = %s WHERE symbol = %s", told)

    def rate(self, base: str, quote: str, rate: str, *, days_ago: int) -> None:
        told = (base, quote, TODAY - timedelta(days=days_ago), rate)
        with postgres.connect(self.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO market.fx_rate (base, quote, as_of, rate, provider) VALUES (%s, %s, %s, %s, 'test')", told
            )


@pytest.fixture
def owner(served: Served) -> Iterator[Owner]:
    with postgres.connect(served.settings.postgres) as connection:
        for symbol in (OLD, NEW):
            connection.execute(
                "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNYS') "
                "ON CONFLICT DO NOTHING",
                (symbol, symbol),
            )
            connection.execute(
                "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, updated_at) "
                "VALUES (%s, 100, 'USD', 'test', now(), now()) "
                "ON CONFLICT (symbol) DO UPDATE SET price = 100, currency = 'USD', as_of = now()",
                (symbol,),
            )
    user = api_user(served.settings)
    with desks(served.settings) as make, user.client(served.api.url) as client:
        desk = make(owner_id=user.id)
        desk.deposit(1_100_000)
        bought = Draft(
            kind=Kind.BUY,
            occurred_at=desk.clock.now(),
            currency="USD",
            symbol=OLD,
            quantity=Decimal(100),
            price=Decimal(100),
        )
        desk.book(bought)
        yield Owner(served.settings, desk, client)


def test_trades_become_market_orders_once_sales_first_and_the_proposal_says_which(owner: Owner) -> None:
    proposal = owner.proposal((NEW, "buy", 5), (OLD, "sell", 10))

    first = owner.confirm(proposal, key="a")

    assert first.status_code == 200, first.text
    told = first.json()
    assert [(each["symbol"], each["order_status"]) for each in told["placed"]] == [(NEW, "accepted"), (OLD, "accepted")]
    assert owner.orders() == [
        (OLD, "sell", "market", Decimal(10), SOURCE, "accepted"),
        (NEW, "buy", "market", Decimal(5), SOURCE, "accepted"),
    ]
    assert owner.confirm(proposal, key="a").json() == told
    assert owner.confirm(proposal, key="b").json() == told
    assert len(owner.orders()) == 2
    detail = owner.client.get(f"/api/v1/proposals/{proposal}").json()
    assert detail["confirmed_at"] is not None
    assert [each["order_id"] for each in detail["trades"]] == [each["order_id"] for each in told["placed"]]


def test_a_purchase_that_needs_the_sales_waits_for_them(owner: Owner) -> None:
    proposal = owner.proposal((NEW, "buy", 50), (OLD, "sell", 60))

    told = owner.confirm(proposal).json()
    assert [each["symbol"] for each in told["placed"]] == [OLD]
    assert [(each["line"], each["rule"]) for each in told["waiting"]] == [(0, "buying_power")]

    owner.desk.tick(90_000)  # the desk works a day behind
    owner.desk.fill(UUID(told["placed"][0]["order_id"]), "sim-1", 60)
    told = owner.confirm(proposal).json()
    assert [(each["symbol"], each["order_status"]) for each in told["placed"]] == [(NEW, "accepted"), (OLD, "filled")]
    assert told["waiting"] == []


def test_one_refused_trade_leaves_all_unplaced_and_names_its_rule(owner: Owner) -> None:
    proposal = owner.proposal((NEW, "buy", 5), (OLD, "sell", 101))

    answer = owner.confirm(proposal)

    assert (answer.status_code, answer.json()["code"]) == (409, "proposal_refused")
    assert [(each["line"], each["symbol"]) for each in answer.json()["refused"]] == [(1, OLD)]
    assert owner.orders() == []
    assert owner.client.get(f"/api/v1/proposals/{proposal}").json()["confirmed_at"] is None


def test_a_dry_run_judges_and_writes_nothing(owner: Owner) -> None:
    proposal = owner.proposal((NEW, "buy", 5), (OLD, "sell", 10))

    told = owner.confirm(proposal, dry_run=True).json()

    assert [(each["symbol"], each["order_id"]) for each in told["placed"]] == [(NEW, None), (OLD, None)]
    assert owner.orders() == []
    assert owner.confirm(proposal, lines=[1]).json()["placed"][0]["symbol"] == OLD
    assert owner.confirm(proposal, lines=[7]).status_code == 404


def test_a_stale_proposal_is_refused_by_name(owner: Owner) -> None:
    proposal = owner.proposal((NEW, "buy", 5), (OLD, "sell", 10))
    owner.price(NEW, "102.01")
    moved = owner.confirm(proposal)
    assert (moved.status_code, moved.json()["code"]) == (409, "proposal_stale")
    assert f"{NEW} (" in moved.json()["detail"]
    assert f"{OLD} (" not in moved.json()["detail"]
    assert owner.confirm(proposal, lines=[1]).status_code == 200

    over = owner.proposal((OLD, "sell", 10), day=TODAY - timedelta(days=10), state="superseded")
    assert owner.confirm(over).json()["code"] == "proposal_closed"
    with postgres.connect(owner.settings.postgres) as connection:
        connection.execute("UPDATE app.proposal SET state = 'superseded' WHERE id = %s", (proposal,))
        connection.execute("UPDATE app.proposal SET state = 'open' WHERE id = %s", (over,))
    late = owner.confirm(over)
    assert (late.status_code, late.json()["code"]) == (409, "proposal_stale")
    assert "session that ended" in late.json()["detail"]


def test_a_foreign_price_is_compared_at_the_newest_rate_and_an_old_one_counts_for_nothing(owner: Owner) -> None:
    proposal = owner.proposal((OLD, "sell", 10))
    owner.price(OLD, "380", "PLN")
    owner.rate("PLN", "USD", "0.26315789", days_ago=30)  # by this rate it is 100 still
    stale = owner.confirm(proposal, dry_run=True)
    assert (stale.status_code, stale.json()["code"]) == (409, "proposal_stale")
    assert f"{OLD} (no price, or no fresh exchange rate)" in stale.json()["detail"]
    owner.rate("USD", "PLN", "4.1", days_ago=1)
    moved = owner.confirm(proposal, dry_run=True)
    assert "100 then, 92.68292683 now" in moved.json()["detail"].replace("100.00000000", "100")
    owner.price(OLD, "410", "PLN")
    assert owner.confirm(proposal, dry_run=True).status_code == 200


def test_others_have_no_such_proposal(owner: Owner, served: Served) -> None:
    proposal = owner.proposal((OLD, "sell", 10))
    with api_user(served.settings).client(served.api.url) as other:
        answer = other.post(f"/api/v1/proposals/{proposal}/confirm", json={}, headers={"Idempotency-Key": "x"})
    assert answer.status_code == 404
    assert owner.orders() == []


def test_under_an_automatic_policy_a_proposal_becomes_orders_by_itself(owner: Owner) -> None:
    place = f"/api/v1/portfolios/{owner.desk.portfolio_id}/rebalance-policy"
    made = owner.client.put(place, json={"frequency": "annual", "is_automatic": True})
    assert (made.status_code, made.json()["is_automatic"]) == (200, True), made.text
    owner.proposal((OLD, "sell", 10))

    clock = SystemClock()
    deadline = clock.monotonic() + 180
    while not owner.orders():
        assert clock.monotonic() < deadline
        clock.sleep(0.2)

    assert owner.orders() == [(OLD, "sell", "market", Decimal(10), SOURCE, "accepted")]


def test_nothing_is_ordered_for_a_user_who_is_disabled(owner: Owner) -> None:
    place = f"/api/v1/portfolios/{owner.desk.portfolio_id}/rebalance-policy"
    assert owner.client.put(place, json={"frequency": "annual", "is_automatic": True}).status_code == 200
    proposal = owner.proposal((OLD, "sell", 101))  # more than is held: it stays open
    names = {"since": TODAY - timedelta(days=7)}
    with postgres.connect(owner.settings.postgres) as connection:
        assert proposal in [row[0] for row in connection.execute(AUTOMATIC, names)]
        connection.execute("UPDATE auth.app_user SET status = 'disabled' WHERE id = %s", (owner.desk.owner_id,))
        assert proposal not in [row[0] for row in connection.execute(AUTOMATIC, names)]
