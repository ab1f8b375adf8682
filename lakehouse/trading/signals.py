"""What a portfolio that opted in does about a trading signal: buy or sell so many whole units, or nothing, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from lakehouse.trading.order import Side

AHEAD: Final = timedelta(minutes=5)
"""A signal that is said to be from later than this is not believed: clocks differ by less."""


class Sides(StrEnum):
    """What a portfolio lets signals do."""

    BOTH = "both"
    BUY = "buy"
    SELL = "sell"


class Refusal(StrEnum):
    """Why no order is made of a signal, before the rules of every order are asked."""

    SOURCE = "source_not_wanted"
    SIDE = "side_not_wanted"
    CONFIDENCE = "confidence_low"
    FUTURE = "from_the_future"
    STALE = "signal_stale"
    INSTRUMENT = "instrument_unknown"
    CLOSED = "market_closed"
    TOO_MANY = "too_many_orders"
    NO_PRICE = "no_price"
    MOVED = "price_moved"
    NO_VALUE = "value_unknown"
    NOTHING_HELD = "nothing_to_sell"
    TOO_SMALL = "below_one_unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One message of a pipeline: `side` of `symbol`, `confidence` from 0 to 1, made `at`; `reference_price` is the one
    that it saw, in the instrument's currency."""

    id: UUID
    symbol: str
    side: Side
    confidence: float
    source: str
    at: datetime
    reference_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a portfolio opted in: whose signals, which sides, and how much they may do.

    An order is at most `max_share` of the portfolio's value; none is made of a signal older than `max_age`, nor where
    the price is by more than the share `max_move` off the signal's.
    """

    sources: tuple[str, ...]
    sides: Sides
    min_confidence: Decimal
    max_share: Decimal
    max_orders_a_day: int
    max_age: timedelta
    max_move: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The portfolio and the market `now`. `value` is the portfolio's, in the instrument's currency, and `price` that of
    a unit before its multiplier: None where they are not known. `free` are the units held that no order has reserved;
    `orders_today` those that signals have made already. `multiplier` is None where there is no such instrument."""

    now: datetime
    value: Decimal | None
    price: Decimal | None
    multiplier: Decimal | None
    free: Decimal
    orders_today: int
    is_open: bool


def decide(signal: Signal, terms: Terms, situation: Situation) -> Decimal | Refusal:
    """Whole units to trade, at least one, or the first reason against it.

    A purchase is worth at most `max_share` of the value, a sale besides that is of at most what is held: signals never
    sell short.
    """
    refusal = (
        at_sight(signal, terms, situation.now) or _untimely(terms, situation) or _unpriced(signal, terms, situation)
    )
    return refusal or _sized(signal, terms, situation)


def at_sight(signal: Signal, terms: Terms, now: datetime) -> Refusal | None:
    """The first reason against it that needs no look at the portfolio or the market: these come before all others."""
    return _unwanted(signal, terms) or _too_old_or_new(signal, terms, now)


def _unwanted(signal: Signal, terms: Terms) -> Refusal | None:
    if signal.source not in terms.sources:
        return Refusal.SOURCE
    if terms.sides is not Sides.BOTH and terms.sides.value != signal.side.value:
        return Refusal.SIDE
    # As floats, so that 0.7 is 0.7; what is no number is not confident enough.
    return None if signal.confidence >= float(terms.min_confidence) else Refusal.CONFIDENCE


def _too_old_or_new(signal: Signal, terms: Terms, now: datetime) -> Refusal | None:
    age = now - signal.at
    if age < -AHEAD:
        return Refusal.FUTURE
    return Refusal.STALE if age > terms.max_age else None


def _untimely(terms: Terms, situation: Situation) -> Refusal | None:
    if situation.multiplier is None:
        return Refusal.INSTRUMENT
    if not situation.is_open:
        return Refusal.CLOSED
    return Refusal.TOO_MANY if situation.orders_today >= terms.max_orders_a_day else None


def _unpriced(signal: Signal, terms: Terms, situation: Situation) -> Refusal | None:
    price, seen = situation.price, signal.reference_price
    if price is None or price <= 0:
        return Refusal.NO_PRICE
    if seen is not None and abs(price - seen) > terms.max_move * seen:
        return Refusal.MOVED
    return Refusal.NO_VALUE if situation.value is None or situation.value <= 0 else None


def _sized(signal: Signal, terms: Terms, situation: Situation) -> Decimal | Refusal:
    value, price, multiplier = (each or Decimal(0) for each in (situation.value, situation.price, situation.multiplier))
    most = _whole(terms.max_share * value / (price * multiplier))
    if signal.side is Side.SELL:
        held = _whole(situation.free)
        if held < 1:
            return Refusal.NOTHING_HELD
        most = min(most, held)
    return most if most >= 1 else Refusal.TOO_SMALL


def _whole(units: Decimal) -> Decimal:
    return units.to_integral_value(ROUND_FLOOR)
