"""What holdings and cash are worth at the close of a day: exact, dated, and absent where a price or rate is missing.

A position is worth units * close * multiplier, rounded half to even to the minor unit of its price's currency; sums
by currency are converted once. So the parts that a reader sees add up to the whole. Closes are as traded, not adjusted
for later splits. The newest close or rate on or before the day counts; one that is older than a week is named as stale.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lakehouse.domain.currency import minor_digits
from lakehouse.portfolio.fx import STALE_DAYS, Exchange
from lakehouse.portfolio.transactions import DECIMALS, half_even

_SCALE = 10 ** (3 * DECIMALS)


class ReasonCode(StrEnum):
    """What is wrong with a number. The missing ones make it absent, the stale ones make it old."""

    PRICE_MISSING = "price_missing"
    RATE_MISSING = "rate_missing"
    PRICE_STALE = "price_stale"
    RATE_STALE = "rate_stale"
    COST_UNKNOWN = "cost_unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a number is absent or old; `names` are the symbols or currencies at fault."""

    code: ReasonCode
    names: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Asset:
    """What is needed of an instrument to value it; the multiplier is in units of 10^-8."""

    symbol: str
    currency: str
    multiplier: int = 10**DECIMALS


@dataclass(frozen=True, slots=True)
class Close:
    """A price in units of 10^-8 and its day."""

    day: date
    price: int


class Prices:
    """Closes by symbol and day. A price of the future is never used for the past."""

    def __init__(self) -> None:
        self._days: dict[str, list[date]] = {}
        self._prices: dict[str, list[int]] = {}

    def add(self, symbol: str, closes: Iterable[tuple[date, int]]) -> None:
        """Add closes of a symbol, in order of time and later than those it has."""
        days, prices = self._days.setdefault(symbol, []), self._prices.setdefault(symbol, [])
        for day, price in closes:
            days.append(day)
            prices.append(price)

    def find(self, symbol: str, day: date) -> Close | None:
        """The newest close on or before `day`; None where there is none."""
        days = self._days.get(symbol)
        place = bisect_right(days, day) if days else 0
        return Close(days[place - 1], self._prices[symbol][place - 1]) if days and place else None


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that values depend on; `exchange` converts into the base currency."""

    assets: Mapping[str, Asset]
    prices: Prices
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Worth:
    """The value at the close of `day`, in minor units of the base currency, and by currency in theirs.

    `value_minor` and `cash_minor` are None where `reasons` name something missing.
    """

    day: date
    value_minor: int | None
    cash_minor: int | None
    positions: Mapping[str, int]
    cash: Mapping[str, int]
    reasons: tuple[Reason, ...]


def position_minor(asset: Asset, units: int, price: int) -> int:
    """`units` (of 10^-8, signed) at `price` (of 10^-8) in minor units of the asset's currency."""
    return half_even(units * price * asset.multiplier * 10 ** minor_digits(asset.currency), _SCALE)


def worth(day: date, holdings: Mapping[str, int], cash: Mapping[str, int], market: Market) -> Worth:
    """Value `holdings` (units of 10^-8 by symbol) and `cash` (minor units by currency) at the close of `day`."""
    positions: dict[str, int] = {}
    missing: list[str] = []
    stale: list[str] = []
    for symbol, units in holdings.items():
        close = market.prices.find(symbol, day)
        if close is None:
            missing.append(symbol)
            continue
        if (day - close.day).days > STALE_DAYS:
            stale.append(symbol)
        asset = market.assets[symbol]
        positions[asset.currency] = positions.get(asset.currency, 0) + position_minor(asset, units, close.price)
    exchange = market.exchange
    in_cash, in_positions = exchange.total(cash, day), exchange.total(positions, day)
    value = None if missing or in_cash is None or in_positions is None else in_cash + in_positions
    lacking = exchange.missing({**positions, **cash}, day)
    old = exchange.stale({**positions, **cash}, day)
    return Worth(
        day, value, in_cash, positions, dict(cash), _reasons(day, exchange.target, missing, stale, lacking, old)
    )


def merged(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """One reason a code, with all names, and the detail of the first."""
    found: dict[ReasonCode, Reason] = {}
    for reason in reasons:
        known = found.setdefault(reason.code, reason)
        names = tuple(sorted({*known.names, *reason.names}))
        found[reason.code] = Reason(reason.code, names, known.detail)
    return tuple(found[code] for code in ReasonCode if code in found)


def _reasons(
    day: date, base: str, missing: list[str], stale: list[str], lacking: tuple[str, ...], old: tuple[str, ...]
) -> tuple[Reason, ...]:
    if not (missing or stale or lacking or old):
        return ()
    stated = (
        (ReasonCode.PRICE_MISSING, missing, f"no close on or before {day}"),
        (ReasonCode.RATE_MISSING, lacking, f"no rate to {base} on or before {day}"),
        (ReasonCode.PRICE_STALE, stale, f"newest close is more than {STALE_DAYS} days older than {day}"),
        (ReasonCode.RATE_STALE, old, f"newest rate to {base} is more than {STALE_DAYS} days older than {day}"),
    )
    return tuple(Reason(code, tuple(sorted(names)), detail) for code, names, detail in stated if names)
