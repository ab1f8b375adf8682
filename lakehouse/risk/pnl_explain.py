"""Why a portfolio gained or lost on a day: parts in whole minor units of the base currency that sum to the total.

Units, prices and rates are Decimal and every product is exact; the exact parts are rounded together, each taken from
what the parts before it left, so that their sum is the rounded total. What the books' own roundings add to that stands
in ROUNDING. Sensitivities (deltas, durations) are floats by nature: they only say how a price effect is divided, and
what they do not say is UNEXPLAINED, together with any difference to the total that the books have.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import StrEnum

from lakehouse.domain.currency import minor_digits, rounded_minor
from lakehouse.risk.checks import InvalidParameter, RiskError

ONE = Decimal(1)
EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)


class Part(StrEnum):
    """Where a gain comes from, in the order in which parts are rounded.

    PRICE: units held at the close before x change of the price, at the rate before. DELTA to SPREAD divide it where
    sensitivities are given; then PRICE is 0. FX: the same units at the new price x change of the rate, and cash of
    other currencies. NEW_TRADES: units traded, from their price to the close. INCOME: dividends, coupons, interest.
    FEES: costs, negative. ROUNDING, UNEXPLAINED: see the module.
    """

    PRICE = "price"
    DELTA = "delta"
    GAMMA = "gamma"
    VEGA = "vega"
    THETA = "theta"
    RHO = "rho"
    CARRY = "carry"
    DURATION = "duration"
    CONVEXITY = "convexity"
    SPREAD = "spread"
    FX = "fx"
    NEW_TRADES = "new_trades"
    INCOME = "income"
    FEES = "fees"
    ROUNDING = "rounding"
    UNEXPLAINED = "unexplained"


OF_THE_PRICE = (
    Part.DELTA, Part.GAMMA, Part.VEGA, Part.THETA, Part.RHO, Part.CARRY, Part.DURATION, Part.CONVEXITY, Part.SPREAD,
)  # fmt: skip


class NotFinite(RiskError):
    """A number of a position is NaN or infinite. Carries `symbol` and `name`."""

    def __init__(self, symbol: str, name: str) -> None:
        self.symbol, self.name = symbol, name
        super().__init__(f"{symbol}: {name} is not finite: a day cannot be explained from it")


@dataclass(frozen=True, slots=True)
class Fill:
    """Units traded in the day, negative for a sale, at a price and a rate (base currency for one of its own)."""

    units: Decimal
    price: Decimal
    fx_rate: Decimal = ONE


@dataclass(frozen=True, slots=True)
class PositionDay:
    """One instrument from one close to the next.

    `units` held at the close before, negative for a short; prices of one unit in its currency (an option's of one unit
    of its underlying, a bond's dirty), `fx_rates` in base currency for one of it, each (before, after). `income_minor`
    received and `fees_minor` paid, both >= 0 in the usual case, minor units of base currency. `effects`: what
    sensitivities say one unit's price moved by, in its currency (`option_effects`, `bond_effects`).
    """

    symbol: str
    units: Decimal
    prices: tuple[Decimal, Decimal]
    fx_rates: tuple[Decimal, Decimal] = (ONE, ONE)
    multiplier: Decimal = ONE
    fills: tuple[Fill, ...] = ()
    income_minor: int = 0
    fees_minor: int = 0
    effects: Mapping[Part, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = {"units": (self.units,), "prices": self.prices, "fx_rates": self.fx_rates,
                   "multiplier": (self.multiplier,),
                   "fills": tuple(part for fill in self.fills for part in (fill.units, fill.price, fill.fx_rate)),
                   "effects": tuple(Decimal(value) for value in self.effects.values())}  # fmt: skip
        for name, values in numbers.items():
            if not all(value.is_finite() for value in values):
                raise NotFinite(self.symbol, name)
        if unknown := set(self.effects) - set(OF_THE_PRICE):
            raise InvalidParameter(f"{self.symbol}: {sorted(unknown)} are no effects of a price")


@dataclass(frozen=True, slots=True)
class CashDay:
    """Cash of another currency that stood on the account all day: its amount, and its rates (before, after)."""

    currency: str
    amount: Decimal
    fx_rates: tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Explained:
    """Parts of a day's gain in minor units of base currency, negative for a loss; every Part is there.

    `total` is their sum, always. `name`: the symbol, a currency, or the portfolio.
    """

    name: str
    total: int
    parts: Mapping[Part, int]


@dataclass(frozen=True, slots=True)
class DayExplained:
    """A portfolio's day: the whole, and each position and cash balance. The parts of the whole are sums of theirs,
    plus in UNEXPLAINED what the books' total differs by."""

    whole: Explained
    positions: tuple[Explained, ...]


def explain_day(
    positions: Iterable[PositionDay],
    *,
    base_currency: str,
    cash: Iterable[CashDay] = (),
    booked_minor: int | None = None,
) -> DayExplained:
    """Parts of a portfolio's gain of a day.

    `booked_minor`: the gain that the books have (value after - value before - money put in), minor units; without it
    the total is that of the positions. Raises CurrencyError for an unknown currency or an amount beyond the ledger.
    """
    digits = minor_digits(base_currency)
    found = [explain_position(position, base_currency=base_currency) for position in positions]
    found += [_cash(balance, digits) for balance in cash]
    parts = {part: sum(one.parts[part] for one in found) for part in Part}
    total = sum(one.total for one in found)
    if booked_minor is not None:
        parts[Part.UNEXPLAINED] += booked_minor - total
        total = booked_minor
    return DayExplained(Explained("portfolio", total, parts), tuple(found))


def explain_position(position: PositionDay, *, base_currency: str) -> Explained:
    """Parts of one position's gain; the total is worth after - worth before - cost of the fills + income - fees, each
    worth and cost rounded half to even as the books do. Raises CurrencyError."""
    with localcontext(EXACT):
        exact = _exact_parts(position)
        total = _booked(position, base_currency)
    parts = _rounded(exact, minor_digits(base_currency))
    parts[Part.INCOME], parts[Part.FEES] = position.income_minor, -position.fees_minor
    parts[Part.ROUNDING] = total - sum(parts.values())
    return Explained(position.symbol, total, parts)


def option_effects(
    *,
    greeks: Mapping[Part, float],
    spot_move: float = 0.0,
    volatility_move: float = 0.0,
    rate_move: float = 0.0,
    years: float = 0.0,
) -> dict[Part, float]:
    """What the Greeks of the close before say an option's price moved by, one unit, its currency.

    `greeks`: DELTA dV/dS, GAMMA d2V/dS2, VEGA dV/dsigma, THETA dV/dt a year, RHO dV/dr, per 1.00 as pricing gives
    them; moves absolute: currency, 0.01 for a point of volatility or of rate; `years` that passed (1 / 365 a day).
    """
    steps = {
        Part.DELTA: spot_move,
        Part.GAMMA: 0.5 * spot_move * spot_move,
        Part.VEGA: volatility_move,
        Part.THETA: years,
        Part.RHO: rate_move,
    }
    if unknown := set(greeks) - set(steps):
        raise InvalidParameter(f"{sorted(unknown)} are no Greeks of an option here")
    return {part: value * steps[part] for part, value in greeks.items()}


def bond_effects(
    *, dirty: float, modified_years: float, convexity: float, bond_yield: float, rate_move: float,
    spread_move: float = 0.0, years: float = 0.0,
) -> dict[Part, float]:  # fmt: skip
    """What duration and convexity of the close before say a bond's dirty price moved by, in the unit of `dirty`.

    CARRY = dirty x (e^(bond_yield x years) - 1) by the continuous `bond_yield`, coupons not paid out meanwhile;
    DURATION and CONVEXITY of the move of rates; SPREAD: duration x the spread's. Moves are absolute, 0.0001 a
    basis point.
    """
    whole = rate_move + spread_move
    return {
        Part.CARRY: dirty * math.expm1(bond_yield * years),
        Part.DURATION: -modified_years * dirty * rate_move,
        Part.SPREAD: -modified_years * dirty * spread_move,
        Part.CONVEXITY: 0.5 * convexity * dirty * whole * whole,
    }


def _exact_parts(position: PositionDay) -> dict[Part, Decimal]:
    """Parts in base currency without any rounding; those that are zero are left out."""
    (before, after), (rate, new_rate) = position.prices, position.fx_rates
    held = position.units * position.multiplier
    price = held * (after - before) * rate
    parts = {Part.FX: held * after * (new_rate - rate)}
    parts[Part.NEW_TRADES] = sum(
        (fill.units * position.multiplier * (after * new_rate - fill.price * fill.fx_rate) for fill in position.fills),
        start=Decimal(0),
    )
    if not position.effects:
        return parts | {Part.PRICE: price}
    said = {part: Decimal(value) * held * rate for part, value in position.effects.items()}
    return parts | said | {Part.UNEXPLAINED: price - sum(said.values(), start=Decimal(0))}


def _booked(position: PositionDay, base_currency: str) -> int:
    (before, after), (rate, new_rate) = position.prices, position.fx_rates
    traded = sum((fill.units for fill in position.fills), start=Decimal(0))
    worth_before = position.units * before * position.multiplier * rate
    worth_after = (position.units + traded) * after * position.multiplier * new_rate
    costs = [fill.units * fill.price * position.multiplier * fill.fx_rate for fill in position.fills]
    return (
        rounded_minor(worth_after, base_currency)
        - rounded_minor(worth_before, base_currency)
        - sum(rounded_minor(cost, base_currency) for cost in costs)
        + position.income_minor
        - position.fees_minor
    )


def _rounded(exact: Mapping[Part, Decimal], digits: int) -> dict[Part, int]:
    """Exact parts in minor units: each is what the rounded sum grows by, so that they add up to its end."""
    with localcontext(EXACT):
        total, so_far, parts = Decimal(0), 0, {}
        for part in Part:
            total += exact.get(part, Decimal(0)).scaleb(digits)
            here = int(total.to_integral_value(ROUND_HALF_EVEN))
            parts[part], so_far = here - so_far, here
    return parts


def _cash(balance: CashDay, digits: int) -> Explained:
    if not all(value.is_finite() for value in (balance.amount, *balance.fx_rates)):
        raise NotFinite(balance.currency, "cash")
    before, after = balance.fx_rates
    with localcontext(EXACT):
        parts = _rounded({Part.FX: balance.amount * (after - before)}, digits)
    return Explained(balance.currency, sum(parts.values()), parts)
