"""Which lots a sale takes so that it costs the least tax, and what that tax is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Taxes
from lakehouse.domain.money import cents
from lakehouse.portfolio.lots import LotMethod

WASH_DAYS = 30


@dataclass(frozen=True, slots=True)
class TaxLot:
    """Units bought on a day, with their cost in the portfolio's currency."""

    id: UUID
    opened_on: date
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Sale:
    """Units taken from lots, in order, and the gains that this realises: negative for a loss.

    `wash_sale` says that a loss of it may not count: units of the same instrument, which stay, were bought within 30
    days before (26 U.S.C. 1091; the 30 days after are the owner's to watch).
    """

    picks: tuple[tuple[UUID, Decimal], ...]
    short_gain: Decimal
    long_gain: Decimal
    wash_sale: bool


def is_long_term(opened_on: date, sold_on: date) -> bool:
    """Whether units were held for more than a year: sold after the day a year later (IRS Publication 550)."""
    leap_day = opened_on.month == 2 and opened_on.day == 29
    anniversary = date(opened_on.year + 1, 2, 28) if leap_day else opened_on.replace(year=opened_on.year + 1)
    return sold_on > anniversary


def closing(
    lots: Sequence[TaxLot], quantity: Decimal, price: Decimal, *, on: date, rates: Taxes, method: LotMethod
) -> Sale:
    """The lots that `quantity` sold at `price` closes: those of the least tax where the account lets its owner name
    them, otherwise those that its `method` takes first. `lots` are in the order in which they were opened. Raises
    ConstructionError where they have fewer units."""
    if method is LotMethod.SPECIFIC:
        return cheapest(lots, quantity, price, on=on, rates=rates)
    if method is LotMethod.HIFO:
        return _sale(sorted(lots, key=lambda lot: -lot.cost / lot.quantity), quantity, price, on)
    return _sale(lots[::-1] if method is LotMethod.LIFO else lots, quantity, price, on)


def cheapest(lots: Sequence[TaxLot], quantity: Decimal, price: Decimal, *, on: date, rates: Taxes) -> Sale:
    """The lots that `quantity` sold at `price` should close: least tax a unit first, so losses before gains.

    Ties (all, where rates are zero) go to the larger cost a unit, then to the older lot: the tax that may come later.
    Raises ConstructionError where the lots have fewer units.
    """
    return _sale(sorted(lots, key=lambda lot: _order(lot, price, on, rates)), quantity, price, on)


def _sale(lots: Sequence[TaxLot], quantity: Decimal, price: Decimal, on: date) -> Sale:
    if quantity > sum((lot.quantity for lot in lots), Decimal(0)):
        raise ConstructionError(f"{quantity} units to sell, but the lots have fewer")
    picks: list[tuple[UUID, Decimal]] = []
    gains = {True: Decimal(0), False: Decimal(0)}
    left, lost = quantity, False
    for lot in lots:
        if left <= 0:
            break
        part = min(left, lot.quantity)
        gain = part * price - lot.cost * part / lot.quantity
        gains[is_long_term(lot.opened_on, on)] += gain
        lost = lost or gain < 0
        picks.append((lot.id, part))
        left -= part
    taken = dict(picks)
    recent = any(
        on - timedelta(days=WASH_DAYS) <= lot.opened_on <= on and lot.quantity > taken.get(lot.id, Decimal(0))
        for lot in lots
    )
    return Sale(tuple(picks), cents(gains[False]), cents(gains[True]), lost and recent)


def tax_due(short_gain: Decimal, long_gain: Decimal, rates: Taxes) -> Decimal:
    """The tax of all sales together: losses of one kind are set off against gains of the other, and what is left of a
    loss saves no tax here, it is carried forward."""
    if short_gain < 0 < long_gain:
        short_gain, long_gain = Decimal(0), max(Decimal(0), long_gain + short_gain)
    elif long_gain < 0 < short_gain:
        short_gain, long_gain = max(Decimal(0), short_gain + long_gain), Decimal(0)
    due = max(Decimal(0), short_gain) * rates.short_term + max(Decimal(0), long_gain) * rates.long_term
    return cents(due)


def _order(lot: TaxLot, price: Decimal, on: date, rates: Taxes) -> tuple[Decimal, Decimal, date, int]:
    cost = lot.cost / lot.quantity
    rate = rates.long_term if is_long_term(lot.opened_on, on) else rates.short_term
    return ((price - cost) * rate, -cost, lot.opened_on, lot.id.int)
