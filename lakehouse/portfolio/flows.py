"""What was held and what came from outside, day by day: the timeline that values and returns are measured on. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from lakehouse.portfolio.transactions import DECIMALS, Kind, half_even, to_units

_ONE = 10**DECIMALS
_SIGNS: Mapping[Kind, int] = {Kind.BUY: 1, Kind.TRANSFER_IN: 1, Kind.SELL: -1, Kind.TRANSFER_OUT: -1}
IN_KIND = frozenset({Kind.TRANSFER_IN, Kind.TRANSFER_OUT})


@dataclass(frozen=True, slots=True)
class Step:
    """A transaction that changes what is held. `units` are of 10^-8 and positive; `ratio` as in a transaction."""

    day: date
    kind: Kind
    symbol: str
    units: int = 0
    ratio: Decimal | None = None
    related_symbol: str | None = None


Row = tuple[date, Kind, str, int, Decimal | None, str | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in the order in which they were booked, by column.

    An object for each of 50,000 steps would cost the garbage collector 100 ms, in which nothing else of the process
    runs; numbers, dates and texts in lists cost it nothing.
    """

    days: Sequence[date] = ()
    kinds: Sequence[Kind] = ()
    symbols: Sequence[str] = ()
    units: Sequence[int] = ()
    ratios: Sequence[Decimal | None] = ()
    related: Sequence[str | None] = ()

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "Steps":
        """The columns of `steps`."""
        rows = [(s.day, s.kind, s.symbol, s.units, s.ratio, s.related_symbol) for s in steps]
        return cls(*map(tuple, zip(*rows, strict=True))) if rows else cls()

    def __len__(self) -> int:
        return len(self.days)

    def rows(self) -> Iterator[Row]:
        """Every step as a tuple of its columns."""
        return zip(self.days, self.kinds, self.symbols, self.units, self.ratios, self.related, strict=True)


@dataclass(frozen=True, slots=True)
class CashDay:
    """What happened to the cash of one currency on one day, all in its minor units.

    `change_minor` is the sum of everything, signed. The others are positive: `income_minor` before charges,
    `fee_minor` and `tax_minor` of everything, `apart_minor` the fees and taxes that are in no lot's cost or proceeds.
    `converted_minor` is signed: what conversions brought into the currency less what they took out of it.
    """

    day: date
    currency: str
    change_minor: int
    deposited_minor: int = 0
    withdrawn_minor: int = 0
    income_minor: int = 0
    fee_minor: int = 0
    tax_minor: int = 0
    apart_minor: int = 0
    converted_minor: int = 0


class Source(StrEnum):
    """What an external flow consists of."""

    CASH = "cash"
    UNITS = "units"


@dataclass(frozen=True, slots=True)
class External:
    """What came from outside (positive) or left (negative) on a day: minor units of a currency, or units of 10^-8."""

    day: date
    source: Source
    name: str
    amount: int


def holdings_at(steps: Steps, days: Sequence[date]) -> dict[date, dict[str, int]]:
    """Units held, by symbol, at the close of each of `days`; what is not held is left out.

    `days` are in order of time.
    """
    held = _Held()
    found: dict[date, dict[str, int]] = {}
    waiting = iter(days)
    following = next(waiting, None)
    for row in steps.rows():
        while following is not None and following < row[0]:
            found[following] = held.now()
            following = next(waiting, None)
        if following is None:
            break
        held.apply(row)
    while following is not None:
        found[following] = held.now()
        following = next(waiting, None)
    return found


def cash_at(cash_days: Iterable[CashDay], days: Sequence[date]) -> dict[date, dict[str, int]]:
    """Cash, by currency, at the close of each of `days`, which are in order; a currency without any is left out."""
    ordered = sorted(cash_days, key=lambda each: each.day)
    place, balances = 0, dict[str, int]()
    found: dict[date, dict[str, int]] = {}
    for day in days:
        while place < len(ordered) and ordered[place].day <= day:
            each = ordered[place]
            balances[each.currency] = balances.get(each.currency, 0) + each.change_minor
            place += 1
        found[day] = {currency: amount for currency, amount in balances.items() if amount}
    return found


def externals(cash_days: Iterable[CashDay], steps: Steps, first: date, last: date) -> list[External]:
    """External flows of the days from `first` to `last`, by day: inflows and outflows of a day are kept apart."""
    found: dict[tuple[date, Source, str, bool], int] = {}
    for each in cash_days:
        if first <= each.day <= last:
            _add(found, (each.day, Source.CASH, each.currency, True), each.deposited_minor)
            _add(found, (each.day, Source.CASH, each.currency, False), -each.withdrawn_minor)
    for day, kind, symbol, units, _, _ in steps.rows():
        if kind in IN_KIND and first <= day <= last:
            _add(found, (day, Source.UNITS, symbol, _SIGNS[kind] > 0), _SIGNS[kind] * units)
    return [External(key[0], key[1], key[2], amount) for key, amount in sorted(found.items())]


def _add(found: dict[tuple[date, Source, str, bool], int], key: tuple[date, Source, str, bool], amount: int) -> None:
    if amount:
        found[key] = found.get(key, 0) + amount


class _Held:
    """Units by symbol. The books round each lot at a split or spin-off, here the sum is rounded: what may differ is
    counted, and what a sale leaves over within it is nothing.

    They differ only where a lot times the ratio is no whole number of 10^-8 units, by at most half of one for each lot
    and one for the sum. Which lots are open then depends on the account's method, costs and picks: to know it exactly
    takes the fold of everything, for less than a cent of worth.
    """

    def __init__(self) -> None:
        self._units: dict[str, int] = {}
        self._lots: dict[str, int] = {}  # at most so many are open
        self._doubt: dict[str, int] = {}

    def now(self) -> dict[str, int]:
        return {symbol: units for symbol, units in self._units.items() if units}

    def apply(self, row: Row) -> None:
        _, kind, symbol, units, ratio, related = row
        sign = _SIGNS.get(kind)
        if sign is not None:
            self._trade(symbol, sign * units)
        elif kind is not Kind.SPIN_OFF:
            self._units[symbol], self._doubt[symbol] = self._scaled(symbol, ratio)
        elif related is not None:
            units, doubt = self._scaled(symbol, ratio)
            self._units[related] = self._units.get(related, 0) + units
            self._doubt[related] = self._doubt.get(related, 0) + doubt
            self._lots[related] = self._lots.get(related, 0) + self._lots.get(symbol, 0)

    def _trade(self, symbol: str, change: int) -> None:
        before = self._units.get(symbol, 0)
        left = before + change
        is_closing = (before < 0) != (change < 0) and before != 0
        if is_closing and symbol in self._doubt and abs(left) <= self._doubt[symbol]:
            left = 0
        self._units[symbol] = left
        if not left:
            self._lots[symbol] = 0
        elif not is_closing or (left < 0) != (before < 0):
            self._lots[symbol] = self._lots.get(symbol, 0) + 1

    def _scaled(self, symbol: str, ratio: Decimal | None) -> tuple[int, int]:
        """Units after a ratio, and by how many the books may have others: half a unit for each lot, and for the sum."""
        factor = to_units(ratio or Decimal(1))
        doubt = -(-self._doubt.get(symbol, 0) * factor // _ONE)
        return half_even(self._units.get(symbol, 0) * factor, _ONE), doubt + (self._lots.get(symbol, 0) + 2) // 2
