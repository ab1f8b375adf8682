"""Dated exchange rates: the newest on or before a day, direct, inverted, or across one currency between."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from lakehouse.domain.currency import from_minor, rounded_minor
from lakehouse.errors import TidemarkError

STALE_DAYS = 7  # longer than any weekend with its holidays
PRECISION = 60  # digits of a product of an amount and a rate: all of them


class RateMissing(TidemarkError):
    """No rate of the pair is known on the day, or only one that is older than STALE_DAYS. Carries all three."""

    def __init__(self, source: str, target: str, day: date) -> None:
        self.source, self.target, self.day = source, target, day
        super().__init__(f"there is no rate of {source} to {target} of {day}, nor of the {STALE_DAYS} days before")


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of the target currency for one unit of the source, as of the older of the rates that made it."""

    value: Decimal
    as_of: date

    def is_stale(self, day: date) -> bool:
        """Whether it is older, on `day`, than rates usually get."""
        return (day - self.as_of).days > STALE_DAYS


@dataclass(frozen=True, slots=True)
class Quoted:
    """A rate as it is stored: units of `quote` for one unit of `base`."""

    base: str
    quote: str
    as_of: date
    rate: Decimal


def exchanged(amount_minor: int, source: str, target: str, rate: Decimal) -> int:
    """`amount_minor` of `source` at `rate` in minor units of `target`, rounded half to even, once.

    Raises CurrencyError where the ledger cannot hold it.
    """
    with localcontext(prec=PRECISION):
        return rounded_minor(from_minor(amount_minor, source) * rate, target)


class Rates:
    """Rates by pair and day. A rate of the future is never used for the past."""

    def __init__(self, quoted: Iterable[Quoted]) -> None:
        ordered = sorted(quoted, key=lambda each: each.as_of)
        self._days: dict[tuple[str, str], list[date]] = {}
        self._rates: dict[tuple[str, str], list[Decimal]] = {}
        for each in ordered:
            pair = (each.base, each.quote)
            self._days.setdefault(pair, []).append(each.as_of)
            self._rates.setdefault(pair, []).append(each.rate)
        self._currencies = sorted({currency for pair in self._days for currency in pair})
        self._known: dict[tuple[str, str, date], Rate | None] = {}

    def find(self, source: str, target: str, day: date) -> Rate | None:
        """The rate from `source` to `target` on `day`, or None where none is known on or before it."""
        if source == target:
            return Rate(Decimal(1), day)
        key = (source, target, day)
        if key not in self._known:
            self._known[key] = self._either(source, target, day) or self._across(source, target, day)
        return self._known[key]

    def require(self, source: str, target: str, day: date) -> Decimal:
        """The same where it must be known, and fresh. Raises RateMissing."""
        found = self.find(source, target, day)
        if found is None or found.is_stale(day):
            raise RateMissing(source, target, day)
        return found.value

    def _either(self, source: str, target: str, day: date) -> Rate | None:
        """The newer of the pair as stored and the inverse of the pair the other way round."""
        direct = self._newest(source, target, day)
        other = self._newest(target, source, day)
        if other is None or (direct is not None and direct.as_of >= other.as_of):
            return direct
        return Rate(1 / other.value, other.as_of)

    def _across(self, source: str, target: str, day: date) -> Rate | None:
        """By way of the currency whose older rate is newest; of equals the first by name."""
        found = [
            Rate(first.value * second.value, min(first.as_of, second.as_of))
            for middle in self._currencies
            if middle not in (source, target)
            and (first := self._either(source, middle, day)) is not None
            and (second := self._either(middle, target, day)) is not None
        ]
        return max(found, key=lambda rate: rate.as_of, default=None)

    def _newest(self, base: str, quote: str, day: date) -> Rate | None:
        days = self._days.get((base, quote))
        place = bisect_right(days, day) if days else 0
        if not days or place == 0:
            return None
        return Rate(self._rates[base, quote][place - 1], days[place - 1])


def line(symbol: str, currency: str, base: str) -> str:
    """What a portfolio in `base` holds of an instrument priced in `currency`: its symbol, with the pair where these
    differ, since the same holding gains one thing to a German and another to an American. No symbol has a space."""
    return symbol if currency == base else f"{symbol} {currency}/{base}"


def symbol_of(line: str) -> str:
    """The instrument of a line."""
    return line.partition(" ")[0]


def pair_of(line: str) -> tuple[str, str] | None:
    """The currency that a line is priced in and the one that it is measured in; None where it is one."""
    currency, _, base = line.partition(" ")[2].partition("/")
    return (currency, base) if base else None


class Exchange:
    """Converts minor units into one currency, and remembers what it lacked: nothing is ever converted at a guess."""

    def __init__(self, rates: Rates, target: str) -> None:
        self.target = target
        self._rates = rates

    def minor(self, amount_minor: int, currency: str, day: date) -> int | None:
        """`amount_minor` of `currency` in minor units of the target, rounded half to even; None without a rate.

        Nothing is worth nothing in every currency: zero needs no rate.
        """
        return self.across(amount_minor, currency, self.target, day)

    def across(self, amount_minor: int, source: str, target: str, day: date) -> int | None:
        """The same from and into any currency."""
        if source == target or amount_minor == 0:
            return amount_minor
        rate = self._rates.find(source, target, day)
        if rate is None:
            return None
        return exchanged(amount_minor, source, target, rate.value)

    def total(self, amounts: Mapping[str, int], day: date) -> int | None:
        """The sum of amounts by currency, each converted and rounded once; None where a rate is missing."""
        converted = [self.minor(amount, currency, day) for currency, amount in sorted(amounts.items())]
        known = [amount for amount in converted if amount is not None]
        return sum(known) if len(known) == len(converted) else None

    def missing(self, amounts: Mapping[str, int], day: date) -> tuple[str, ...]:
        """Currencies with an amount and without a rate on `day`."""
        return tuple(sorted(each for each, amount in amounts.items() if self.minor(amount, each, day) is None))

    def stale(self, amounts: Mapping[str, int], day: date) -> tuple[str, ...]:
        """Currencies with an amount whose newest rate is old."""
        found = ((each, self._rates.find(each, self.target, day)) for each, amount in amounts.items() if amount)
        return tuple(sorted(each for each, rate in found if rate is not None and rate.is_stale(day)))
