"""What a broker says of orders, trades and holdings, and where that differs from the books. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """Where an order stands at a broker; what is not open has ended there."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AtBroker:
    """An order as the broker has it: `filled` units of it were traded; `said` is why it ended, in its own words."""

    broker_id: str
    client_id: str
    symbol: str
    state: State
    filled: Decimal
    said: str = ""


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as the broker tells it: positive units, at a price in the instrument's currency."""

    trade_id: str
    broker_id: str
    quantity: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """The account at the broker: `blocked` is why it may not trade, empty where it may."""

    cash: Decimal
    currency: str
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that broker and books do not agree on; without a portfolio it concerns the whole account."""

    name: str
    subject: str
    detail: str
    message: str
    portfolio_id: UUID | None = None


def of_positions(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterable[Difference]:
    """Symbols of which the broker has another number of units; `detail` is how many more it has."""
    for symbol in sorted({*ours, *theirs}):
        here, there = ours.get(symbol, Decimal(0)), theirs.get(symbol, Decimal(0))
        if here != there:
            yield Difference(
                name="position",
                subject=symbol,
                detail=f"{_number(there - here):+f}",
                message=f"The books have {_number(here):f} {symbol}, the broker {_number(there):f}.",
            )


def of_account(account: Account, currency: str) -> Iterable[Difference]:
    """Whether it may trade, and is in `currency`."""
    if account.currency != currency:
        told = f"currency {account.currency}"[:200]
        yield _blocked(told, f"The account at the broker is not in {currency}: {told}.")
    if account.blocked:
        told = account.blocked[:200]
        yield _blocked(told, f"The broker lets the account not trade: {told}.")


def of_strangers(open_orders: Iterable[AtBroker], ours: Iterable[str]) -> Iterable[Difference]:
    """Open orders of the account that we have not sent, or have seen end."""
    known = set(ours)
    for each in open_orders:
        if each.client_id not in known:
            yield Difference(
                name="order_unknown",
                subject=each.broker_id[:200],
                detail=each.symbol[:200],
                message=f"The broker has an open order in {each.symbol} that is none of ours.",
            )


def _blocked(detail: str, message: str) -> Difference:
    return Difference(name="account_blocked", subject="account", detail=detail, message=message)


def _number(value: Decimal) -> Decimal:
    return value.normalize() if value else Decimal(0)
