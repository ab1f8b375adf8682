"""What can happen in a portfolio, and what it does to cash: the words that the books are written in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from lakehouse.domain.currency import minor_digits
from lakehouse.domain.weekdays import next_weekday
from lakehouse.errors import TidemarkError

DECIMALS = 8  # of quantities, prices, rates and ratios, everywhere in the books
_ONE = 10**DECIMALS
MAX_UNITS = 10**12 * _ONE
MAX_BOOKING_MINOR = 10**17  # far below what a balance can hold, so that sums of bookings fit too


class Kind(StrEnum):
    """What happened."""

    BUY = "buy"
    SELL = "sell"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    TAX = "tax"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    SPLIT = "split"
    REVERSE_SPLIT = "reverse_split"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SPIN_OFF = "spin_off"
    CONVERSION = "conversion"


class Purpose(StrEnum):
    """What an account of the ledger is for. Cash and coin hold money, the others say where it came from or went."""

    CASH = "cash"
    COIN = "coin"
    EXTERNAL = "external"
    SECURITIES = "securities"
    INCOME = "income"
    FEES = "fees"
    TAXES = "taxes"
    FX = "fx"
    MINT = "mint"


TRADES = frozenset({Kind.BUY, Kind.SELL})
UNITS = TRADES | {Kind.TRANSFER_IN, Kind.TRANSFER_OUT}
RATIOS = frozenset({Kind.SPLIT, Kind.REVERSE_SPLIT, Kind.SPIN_OFF})
AMOUNTS = frozenset(Kind) - UNITS - RATIOS
FOLDING = UNITS | RATIOS
"""Kinds that change lots; the others change cash alone."""
NEEDS_SYMBOL = FOLDING | {Kind.DIVIDEND}

# Where the gross amount comes from (or goes to), and whether it comes in (+1) or goes out (-1).
_COUNTER: Mapping[Kind, tuple[Purpose, int]] = MappingProxyType(
    {
        Kind.BUY: (Purpose.SECURITIES, -1),
        Kind.SELL: (Purpose.SECURITIES, 1),
        Kind.DIVIDEND: (Purpose.INCOME, 1),
        Kind.INTEREST: (Purpose.INCOME, 1),
        Kind.DEPOSIT: (Purpose.EXTERNAL, 1),
        Kind.WITHDRAWAL: (Purpose.EXTERNAL, -1),
        Kind.FEE: (Purpose.FEES, -1),
        Kind.TAX: (Purpose.TAXES, -1),
        Kind.CONVERSION: (Purpose.FX, -1),
    }
)


class DraftRefused(TidemarkError):
    """A draft that contradicts itself, or that the books cannot hold; `rule` names the rule."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


class Entry(NamedTuple):
    """A line of the ledger: the change of the balance of one of the account's ledger accounts."""

    purpose: Purpose
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LotPick:
    """Units to take from one lot."""

    lot_id: UUID
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A transaction before it is booked.

    `quantity` is positive, whichever way it goes. `price` is in the instrument's currency; of a transfer in it is the
    cost, of a transfer out the market price then. `fx_rate` is units of `currency` for one unit of the instrument's.
    `amount_minor` is the gross amount, positive, of what has neither units nor a ratio. Fees and taxes are positive.
    A conversion gives `amount_minor` of `currency` for `to_minor` of `to_currency`; both amounts count, and its
    `fx_rate`, units of `to_currency` for one of `currency`, only says how they came about.
    """

    kind: Kind
    occurred_at: datetime
    currency: str
    symbol: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount_minor: int | None = None
    fee_minor: int = 0
    tax_minor: int = 0
    fx_rate: Decimal = Decimal(1)
    ratio: Decimal | None = None
    related_symbol: str | None = None
    cost_share: Decimal | None = None
    to_currency: str | None = None
    to_minor: int | None = None
    lots: tuple[LotPick, ...] = ()
    settles_on: date | None = None
    external_id: str | None = None
    source: str = "api"
    fill_id: UUID | None = None
    import_id: UUID | None = None
    note: str = ""


def to_units(value: Decimal) -> int:
    """`value` in units of 10^-8, exactly. Raises DraftRefused where it has more decimals or is not finite."""
    if not value.is_finite():
        raise DraftRefused("not_finite", f"{value} is no number.")
    scaled = value.scaleb(DECIMALS)
    units = int(scaled)
    if units != scaled:
        raise DraftRefused("too_precise", f"{value} has more than {DECIMALS} decimals.")
    return units


def from_units(units: int) -> Decimal:
    """`units` of 10^-8 as a decimal."""
    return Decimal(units).scaleb(-DECIMALS)


def half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator as an integer, rounded half to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def gross_minor(draft: Draft, multiplier: Decimal = Decimal(1)) -> int:
    """What moved before charges, in minor units of the draft's currency, never negative: the worth of the units, or
    the amount; 0 of a split or spin-off. Raises DraftRefused and CurrencyError."""
    if draft.kind in RATIOS:
        return 0
    if draft.kind in AMOUNTS:
        gross = draft.amount_minor or 0
    elif draft.quantity is None or draft.price is None:
        raise DraftRefused("units_missing", f"A {draft.kind} needs a quantity and a price.")
    else:
        product = to_units(draft.quantity) * to_units(draft.price) * to_units(multiplier) * to_units(draft.fx_rate)
        gross = half_even(product * 10 ** minor_digits(draft.currency), _ONE**4)
    if gross > MAX_BOOKING_MINOR:
        raise DraftRefused("amount_too_large", f"A booking of {gross} minor units is more than the books take at once.")
    return gross


def entries(draft: Draft, multiplier: Decimal = Decimal(1)) -> tuple[Entry, ...]:
    """The lines of the ledger that book `draft`: they sum to zero in each currency, and none is zero. Transfers of
    units, splits and spin-offs have none. Raises DraftRefused and CurrencyError."""
    counter = _COUNTER.get(draft.kind)
    if counter is None:
        return ()
    purpose, direction = counter
    gross = gross_minor(draft, multiplier) * direction
    lines = {Purpose.CASH: gross - draft.fee_minor - draft.tax_minor, purpose: -gross}
    lines[Purpose.FEES] = lines.get(Purpose.FEES, 0) + draft.fee_minor
    lines[Purpose.TAXES] = lines.get(Purpose.TAXES, 0) + draft.tax_minor
    given = tuple(Entry(name, draft.currency, amount) for name, amount in lines.items() if amount)
    if draft.to_currency is None or draft.to_minor is None:
        return given
    taken = draft.to_minor
    return (*given, Entry(Purpose.CASH, draft.to_currency, taken), Entry(Purpose.FX, draft.to_currency, -taken))


def cash_moves(draft: Draft, multiplier: Decimal = Decimal(1)) -> dict[str, int]:
    """The signed effect on the account's cash by currency, charges included, in minor units; no zeros."""
    return {each.currency: each.amount_minor for each in entries(draft, multiplier) if each.purpose is Purpose.CASH}


def settlement_date(draft: Draft) -> date:
    """When the cash moves: as given, or the next weekday after a trade, or the day itself."""
    if draft.settles_on is not None:
        return draft.settles_on
    day = draft.occurred_at.date()
    if draft.kind not in TRADES:
        return day
    return next_weekday(day)


def check(draft: Draft) -> None:
    """Raise DraftRefused where the draft lacks what its kind needs, has what it cannot have, or is out of range."""
    for rule, is_broken, detail in (*_shape(draft), *_ranges(draft)):
        if is_broken:
            raise DraftRefused(rule, detail)


def _shape(draft: Draft) -> tuple[tuple[str, bool, str], ...]:
    kind = draft.kind
    has_units = draft.quantity is not None and draft.price is not None
    has_any_units = draft.quantity is not None or draft.price is not None
    is_spin_off = kind is Kind.SPIN_OFF
    has_spin = draft.related_symbol is not None and draft.cost_share is not None
    has_any_spin = draft.related_symbol is not None or draft.cost_share is not None
    is_conversion = kind is Kind.CONVERSION
    has_target = draft.to_currency is not None and draft.to_minor is not None
    has_any_target = draft.to_currency is not None or draft.to_minor is not None
    return (
        ("symbol_missing", kind in NEEDS_SYMBOL and draft.symbol is None, f"A {kind} needs a symbol."),
        ("units_missing", kind in UNITS and not has_units, f"A {kind} needs a quantity and a price."),
        ("units_given", kind not in UNITS and has_any_units, f"A {kind} has neither quantity nor price."),
        ("amount_missing", kind in AMOUNTS and draft.amount_minor is None, f"A {kind} needs an amount."),
        ("amount_given", kind not in AMOUNTS and draft.amount_minor is not None, f"A {kind} has no amount."),
        ("ratio_missing", kind in RATIOS and draft.ratio is None, f"A {kind} needs a ratio."),
        ("ratio_given", kind not in RATIOS and draft.ratio is not None, f"A {kind} has no ratio."),
        ("spin_off_incomplete", is_spin_off and not has_spin, "A spin_off needs a related_symbol and a cost_share."),
        ("spin_off_given", not is_spin_off and has_any_spin, f"A {kind} has no related_symbol and no cost_share."),
        ("spin_off_of_itself", is_spin_off and draft.related_symbol == draft.symbol, "It cannot spin off itself."),
        (
            "charges_given",
            kind not in _COUNTER and bool(draft.fee_minor or draft.tax_minor),
            f"A {kind} moves no cash: book its fee or tax as a transaction of its own.",
        ),
        (
            "charges_exceed_deposit",
            kind is Kind.DEPOSIT and 0 < (draft.amount_minor or 0) <= draft.fee_minor + draft.tax_minor,
            "A deposit brings more than its fee and tax: book what was charged as a fee or tax of its own.",
        ),
        ("lots_given", bool(draft.lots) and kind not in UNITS, f"A {kind} closes no lots."),
        ("target_missing", is_conversion and not has_target, "A conversion needs a to_currency and what came of it."),
        ("target_given", not is_conversion and has_any_target, f"A {kind} has no to_currency."),
        ("same_currency", draft.to_currency == draft.currency, "A conversion is between two currencies."),
    )


def _ranges(draft: Draft) -> tuple[tuple[str, bool, str], ...]:
    kind, ratio, share = draft.kind, draft.ratio, draft.cost_share
    quantity, price, amount, received = draft.quantity, draft.price, draft.amount_minor, draft.to_minor
    is_wrong_way = ratio is not None and (
        (kind is Kind.SPLIT and ratio <= 1) or (kind is Kind.REVERSE_SPLIT and ratio >= 1)
    )
    return (
        ("quantity_not_positive", quantity is not None and quantity <= 0, "A quantity is above zero."),
        ("quantity_too_large", quantity is not None and to_units(quantity) > MAX_UNITS, "A quantity is too large."),
        ("price_negative", price is not None and price < 0, "A price is not below zero."),
        ("amount_not_positive", amount is not None and amount <= 0, "An amount is above zero."),
        ("received_not_positive", received is not None and received <= 0, "What is received is above zero."),
        ("amount_too_large", (received or 0) > MAX_BOOKING_MINOR, "It is more than the books take at once."),
        ("charge_negative", draft.fee_minor < 0 or draft.tax_minor < 0, "Fees and taxes are not below zero."),
        ("fx_rate_not_positive", draft.fx_rate <= 0, "An fx_rate is above zero."),
        ("ratio_not_positive", ratio is not None and ratio <= 0, "A ratio is above zero."),
        ("ratio_wrong_way", is_wrong_way, "A split has a ratio above 1, a reverse_split below 1."),
        ("cost_share_range", share is not None and not 0 <= share <= 1, "A cost_share is from 0 to 1."),
        ("time_zone_missing", draft.occurred_at.tzinfo is None, "occurred_at needs a time zone."),
    )
