"""The fold: a portfolio's transactions, in order of (occurred_at, id), to open lots, closures and positions. Pure.

It may go on from stored lots: folding all transactions at once, or the later ones onto the lots of the earlier ones,
gives the same lots.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID, uuid5

from lakehouse.errors import TidemarkError
from lakehouse.portfolio.lots import Lot, LotBook, LotMethod, Taken
from lakehouse.portfolio.transactions import Kind, LotPick, from_units, half_even, to_units

_ONE = 10**8
MAX_HELD = 10**18 * _ONE


class FoldRefused(TidemarkError):
    """A transaction that the lots do not allow; nothing of it was folded."""

    def __init__(self, rule: str, transaction_id: UUID, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.transaction_id = transaction_id
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A transaction as the fold sees it. `units` are of 10^-8, positive; `total_minor` is what was paid or received
    with all charges, or the worth of units that were transferred."""

    id: UUID
    kind: Kind
    symbol: str
    occurred_at: datetime
    currency: str
    units: int = 0
    total_minor: int = 0
    ratio: Decimal | None = None
    related_symbol: str | None = None
    cost_share: Decimal | None = None
    lots: tuple[LotPick, ...] = ()

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where it stands in the order of the fold."""
        return (self.occurred_at, self.id)


@dataclass(slots=True)
class Closure:
    """What a transaction took from a lot; proceeds less cost is the realised gain, of long and short lots alike.

    Of a short lot the units are negative, the cost is minus what its sale brought, the proceeds are minus what the
    purchase cost.
    """

    symbol: str
    closed_by: UUID
    lot_id: UUID
    opened_at: datetime
    closed_at: datetime
    units: int
    cost_minor: int
    cost_currency: str
    proceeds_minor: int
    proceeds_currency: str


class Fold:
    """Lots and closures of a portfolio as its transactions are applied one after the other."""

    def __init__(self, method: LotMethod, *, allows_short: bool) -> None:
        self._method = method
        self._allows_short = allows_short
        self._books: dict[str, LotBook] = {}
        self._closures: dict[tuple[str, UUID, UUID], Closure] = {}

    @property
    def closures(self) -> list[Closure]:
        """Closures in the order in which they happened."""
        return list(self._closures.values())

    @property
    def symbols(self) -> set[str]:
        """Every symbol that a lot or transaction named."""
        return set(self._books)

    def restore(self, symbol: str, lots: Iterable[Lot]) -> None:
        """Go on from these lots of `symbol`."""
        self._books[symbol] = LotBook(self._method, lots)

    def lots(self, symbol: str) -> list[Lot]:
        """Open lots by opening time and id."""
        book = self._books.get(symbol)
        return [] if book is None else sorted(book.lots, key=lambda lot: (lot.opened_at, lot.id))

    def units(self, symbol: str) -> int:
        """The position in units of 10^-8; negative is short."""
        book = self._books.get(symbol)
        return 0 if book is None else book.units

    def apply(self, fact: Fact) -> None:
        """Fold one transaction; later ones come later. Raises FoldRefused, after which it may be left out."""
        _APPLY[fact.kind](self, fact)

    def apply_all(self, facts: Iterable[Fact]) -> None:
        """Fold transactions in their order. Raises FoldRefused at the first that the lots do not allow."""
        for fact in sorted(facts, key=lambda fact: fact.place):
            _APPLY[fact.kind](self, fact)

    def _book(self, symbol: str) -> LotBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = LotBook(self._method)
        return book

    def _trade(self, fact: Fact) -> None:
        """Close lots of the other sign, then open one with what is left."""
        book = self._book(fact.symbol)
        is_in = fact.kind in (Kind.BUY, Kind.TRANSFER_IN)
        held = book.units if (book.units < 0) == is_in else 0
        closing = min(abs(held), fact.units)
        rest = fact.units - closing
        if rest and not is_in and not self._allows_short:
            raise _oversold(fact, book.units)
        if abs(book.units) + fact.units > MAX_HELD:
            raise FoldRefused("position_too_large", fact.id, f"{fact.symbol} would be more than the books can hold.")
        picks = self._picks(fact, book, closing)
        value = half_even(fact.total_minor * closing, fact.units)
        if closing:
            taken = book.take_picked(picks) if picks else book.take(closing)
            self._close(fact, taken, value if held > 0 else -value)
        if rest:
            sign = 1 if is_in else -1
            cost = sign * (fact.total_minor - value)
            book.open(Lot(fact.id, fact.id, fact.occurred_at, sign * rest, sign * rest, cost, fact.currency))

    def _close(self, fact: Fact, taken: list[Taken], proceeds: int) -> None:
        """Share the proceeds among the units; a transfer out has none of its own, so that it gains nothing."""
        is_transfer = fact.kind in (Kind.TRANSFER_IN, Kind.TRANSFER_OUT)
        left_units = sum(abs(each.units) for each in taken)
        for each in taken:
            part = abs(each.units)
            got = each.cost_minor if is_transfer else half_even(proceeds * part, left_units)
            proceeds -= got
            left_units -= part
            self._record(fact, fact.symbol, each, got, each.lot.currency if is_transfer else fact.currency)

    def _record(self, fact: Fact, symbol: str, taken: Taken, proceeds: int, currency: str) -> None:
        lot = taken.lot
        key = (symbol, fact.id, lot.id)
        known = self._closures.get(key)
        if known is not None:
            known.units += taken.units
            known.cost_minor += taken.cost_minor
            known.proceeds_minor += proceeds
            return
        self._closures[key] = Closure(
            symbol,
            fact.id,
            lot.id,
            lot.opened_at,
            fact.occurred_at,
            taken.units,
            taken.cost_minor,
            lot.currency,
            proceeds,
            currency,
        )

    def _picks(self, fact: Fact, book: LotBook, closing: int) -> list[tuple[UUID, int]]:
        if not fact.lots or self._method is not LotMethod.SPECIFIC:
            return []
        picks = {pick.lot_id: to_units(pick.quantity) for pick in fact.lots}
        for lot_id, units in picks.items():
            if units <= 0 or units > abs(book.units_of(lot_id)):
                raise FoldRefused(
                    "lot_not_open",
                    fact.id,
                    f"Lot {lot_id} of {fact.symbol} has {from_units(abs(book.units_of(lot_id))):f} open units then.",
                )
        if len(picks) != len(fact.lots) or sum(picks.values()) != closing:
            raise FoldRefused(
                "lots_do_not_add_up",
                fact.id,
                f"The lots named must differ and add up to the {from_units(closing):f} units that it closes.",
            )
        return list(picks.items())

    def _split(self, fact: Fact) -> None:
        book = self._book(fact.symbol)
        ratio = to_units(fact.ratio or Decimal(1))
        # A lot keeps what it began with: that grows with the split too, however little is left of it.
        largest = max([abs(book.units), *(abs(lot.original_units) for lot in book.lots)])
        if largest * ratio > MAX_HELD * _ONE:
            raise FoldRefused("position_too_large", fact.id, f"{fact.symbol} would be more than the books can hold.")
        for vanished in book.rescale(ratio, _ONE):
            self._record(fact, fact.symbol, vanished, 0, vanished.lot.currency)

    def _spin_off(self, fact: Fact) -> None:
        """Hand out units of another instrument for each lot, with a part of its cost and its opening time."""
        parent, child_symbol = self._book(fact.symbol), fact.related_symbol or ""
        ratio, share = to_units(fact.ratio or Decimal(0)), to_units(fact.cost_share or Decimal(0))
        child = self._book(child_symbol)
        if abs(parent.units) * ratio + abs(child.units) * _ONE > MAX_HELD * _ONE:
            raise FoldRefused("position_too_large", fact.id, f"{child_symbol} would be more than the books can hold.")
        moved: dict[UUID, int] = {}
        for lot in self.lots(fact.symbol):
            units = half_even(lot.units * ratio, _ONE)
            if units:
                moved[lot.id] = half_even(lot.cost_minor * share, _ONE)
                new_id = uuid5(fact.id, str(lot.id))
                self._hand_out(fact, Lot(new_id, fact.id, lot.opened_at, units, units, moved[lot.id], lot.currency))
        parent.move_cost(moved)

    def _hand_out(self, fact: Fact, lot: Lot) -> None:
        """Open a lot of the related instrument; units of the other sign are covered first, at the cost handed out."""
        symbol = fact.related_symbol or ""
        child = self._book(symbol)
        covered = min(abs(child.units), abs(lot.units)) if child.units * lot.units < 0 else 0
        if covered:
            cost = half_even(lot.cost_minor * covered, abs(lot.units))
            left = covered
            for taken in child.take(covered):
                part = half_even(-cost * abs(taken.units), left)
                self._record(fact, symbol, taken, part, lot.currency)
                cost += part
                left -= abs(taken.units)
            sign = 1 if lot.units > 0 else -1
            lot.cost_minor -= half_even(lot.cost_minor * covered, abs(lot.units))
            lot.units -= sign * covered
            lot.original_units = lot.units
        if lot.units:
            child.open(lot)

    def _nothing(self, fact: Fact) -> None:
        """Cash alone."""


_APPLY: Mapping[Kind, Callable[[Fold, Fact], None]] = MappingProxyType(
    {
        **dict.fromkeys(Kind, Fold._nothing),
        Kind.BUY: Fold._trade,
        Kind.SELL: Fold._trade,
        Kind.TRANSFER_IN: Fold._trade,
        Kind.TRANSFER_OUT: Fold._trade,
        Kind.SPLIT: Fold._split,
        Kind.REVERSE_SPLIT: Fold._split,
        Kind.SPIN_OFF: Fold._spin_off,
    }
)


def _oversold(fact: Fact, held: int) -> FoldRefused:
    return FoldRefused(
        "sells_more_than_held",
        fact.id,
        f"{fact.symbol}: {from_units(fact.units):f} units go out, but {from_units(max(held, 0)):f} are held at "
        f"{fact.occurred_at.isoformat()}; the account does not allow short positions.",
    )
