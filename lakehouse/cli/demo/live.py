"""The demo's live half minute: a stop-loss fires, and a bracket's one leg fills while the other is canceled.

The last day of the price set is played as if it were now. What happens is read back from the API, as a user would.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, TypeVar

from lakehouse.cli.demo.api import Api, ApiRefusedError
from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.migrations.postgres.demo import PORTFOLIOS

NAME: Final = "Live demo"
WATCHED, TRADED, UNITS = "AAPL", "MSFT", 10
DEPOSIT: Final = "100000.00"
STOP_LOSS, AROUND = Decimal("0.001"), Decimal("0.004")
"""How far below the price the stop-loss is, and the bracket's legs around it, as shares."""
OVERTAKEN: Final = "bracket_prices"
ATTEMPTS: Final = 5
CENT: Final = Decimal("0.01")
PATIENCE_S: Final = 120.0
POLL_S: Final = 0.1
CLOSED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})

Found = TypeVar("Found")


class NothingHappenedError(TidemarkError):
    """What was waited for did not come; the message says what, and where to look."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert: the tick that caused it, and the milliseconds from that tick's time until it was written."""

    message: str
    tick: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class Bracket:
    """An order of two legs: what it was bought at, and how each leg ended."""

    symbol: str
    bought_at: str
    legs: Mapping[str, str]
    sold_at: str


@dataclass(frozen=True, slots=True)
class Live:
    """What happened."""

    alert: Alert
    bracket: Bracket


def stream(mine: Api, clock: Clock) -> Live:
    """Play the day and trade in it. Raises NothingHappenedError and ApiRefusedError; the feed ends in any case."""
    portfolio = _portfolio(mine, clock)
    begun = clock.now()
    with _feeding() as feed:
        rule = _stop_loss(mine, clock, _price(mine, WATCHED, begun, clock))
        order = _bracket(mine, clock, portfolio, lambda: _price(mine, TRADED, begun, clock))
        alert = _until(clock, f"an alert of the rule {rule}", lambda: _alert(mine, rule))
        bracket = _until(clock, f"an end of the order {order}", lambda: _ended(mine, order))
        feed.wait(PATIENCE_S)  # its last ticks are the day's closes, by which everything else here is valued
    return Live(alert, bracket)


def _portfolio(mine: Api, clock: Clock) -> str:
    """A portfolio of its own, with money in it."""
    known = mine.get("/api/v1/portfolios", {"name": NAME})["data"]
    made = known[0] if known else mine.post("/api/v1/portfolios", {"name": NAME}, key=str(uuid7(clock)))
    at = f"/api/v1/portfolios/{made['id']}"
    if not mine.get(at, {"expand": "cash"})["cash"]:
        body = {"portfolio_id": made["id"], "kind": "deposit", "amount": DEPOSIT, "currency": "USD"}
        came = {**body, "occurred_at": made["created_at"]}
        mine.post("/api/v1/cash-transactions", came, key=f"demo-live-deposit-{made['id']}")
    return str(made["id"])


def _stop_loss(mine: Api, clock: Clock, price: Decimal) -> str:
    """A stop-loss on a position of the first portfolio, a thousandth below the price."""
    limit = _cents(price * (1 - STOP_LOSS))
    body = {"kind": "stop_loss", "portfolio_id": str(PORTFOLIOS[0].id), "symbol": WATCHED, "limit_value": limit}
    return str(mine.post("/api/v1/alert-rules", {**body, "once": True}, key=str(uuid7(clock)))["id"])


def _bracket(mine: Api, clock: Clock, portfolio: str, price: Callable[[], Decimal]) -> str:
    """A purchase at the market with both exits near its price, or near a newer one where the market, 600 times as fast,
    was beyond an exit before the order was there."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _bought(mine, clock, portfolio, price())
        except ApiRefusedError as error:
            if error.rule != OVERTAKEN:
                raise
    return _bought(mine, clock, portfolio, price())


def _bought(mine: Api, clock: Clock, portfolio: str, price: Decimal) -> str:
    body = {
        "portfolio_id": portfolio,
        "symbol": TRADED,
        "side": "buy",
        "type": "market",
        "quantity": str(UNITS),
        "time_in_force": "gtc",
        "order_class": "bracket",
        "take_profit": {"limit_price": _cents(price * (1 + AROUND))},
        "stop_loss": {"stop_price": _cents(price * (1 - AROUND))},
    }
    return str(mine.post("/api/v1/orders", body, key=str(uuid7(clock)))["id"])


def _price(mine: Api, symbol: str, begun: datetime, clock: Clock) -> Decimal:
    """The first price of the symbol that was made after `begun`."""

    def ask() -> Decimal | None:
        for quote in mine.get("/api/v1/quotes", {"symbols": symbol})["data"]:
            if datetime.fromisoformat(quote["as_of"]) > begun:
                return Decimal(quote["price"])
        return None

    return _until(clock, f"a price of {symbol}", ask)


def _alert(mine: Api, rule: str) -> Alert | None:
    for found in mine.get("/api/v1/alerts", {"rule_id": rule})["data"]:
        waited = datetime.fromisoformat(found["created_at"]) - datetime.fromisoformat(found["at"])
        tick = f"{found['tick_topic']}[{found['tick_partition']}]@{found['tick_offset']}"
        return Alert(found["message"], tick, round(waited.total_seconds() * 1000))
    return None


def _ended(mine: Api, order: str) -> Bracket | None:
    found = mine.get(f"/api/v1/orders/{order}")
    legs = {leg["leg"]: leg for leg in found["legs"]}
    if not legs or any(leg["status"] not in CLOSED for leg in legs.values()):
        return None
    sold = [str(leg["average_fill_price"]) for leg in legs.values() if leg["status"] == "filled"]
    ends = {name: str(leg["status"]) for name, leg in legs.items()}
    return Bracket(TRADED, str(found["average_fill_price"]), ends, ", ".join(sold))


def _until(clock: Clock, what: str, ask: Callable[[], Found | None]) -> Found:
    deadline = clock.monotonic() + PATIENCE_S
    while (found := ask()) is None:
        if clock.monotonic() > deadline:
            raise NothingHappenedError(f"there was not {what} within {PATIENCE_S:.0f} s: `tidemark status` says why")
        clock.sleep(POLL_S)
    return found


def _cents(price: Decimal) -> str:
    return str(price.quantize(CENT, ROUND_HALF_EVEN))


@contextmanager
def _feeding() -> Iterator["subprocess.Popen[bytes]"]:
    """The feed's own process; the command line imports no room above it."""
    argv = [sys.executable, "-m", "streaming.feed", "day", "--json"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def lines(found: Live) -> tuple[str, ...]:
    """What happened, in words."""
    bracket = found.bracket
    legs = " and ".join(f"{name.replace('_', ' ')} {status}" for name, status in bracket.legs.items())
    return (
        f"stop-loss: {found.alert.message}",
        f"  by the tick {found.alert.tick}, written {found.alert.after_ms} ms after that tick was made",
        f"bracket: {UNITS} {bracket.symbol} bought at {bracket.bought_at}, sold at {bracket.sold_at}: {legs}",
    )
