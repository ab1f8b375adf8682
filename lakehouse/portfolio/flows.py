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
    held: dict[str, int] = {}
    found: dict[date, dict[str, int]] = {}
    waiting = iter(days)
    following = next(waiting, None)
    for row in steps.rows():
        while following is not None and following < row[0]:
            found[following] = {symbol: units for symbol, units in held.items() if units}
            following = next(waiting, None)
        if following is None:
            break
        _apply(held, row)
    while following is not None:
        found[following] = {symbol: units for symbol, units in held.items() if units}
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


def _apply(held: dict[str, int], row: Row) -> None:
    _, kind, symbol, units, ratio, related = row
    sign = _SIGNS.get(kind)
    if sign is not None:
        held[symbol] = held.get(symbol, 0) + sign * units
        return
    scaled = half_even(held.get(symbol, 0) * to_units(ratio or Decimal(1)), _ONE)
    if kind is not Kind.SPIN_OFF:
        held[symbol] = scaled
    elif related is not None:
        held[related] = held.get(related, 0) + scaled
