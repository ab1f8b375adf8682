"""From what a caller sends to what the books take."""

from dataclasses import replace
from decimal import Decimal

from lakehouse.domain.currency import CurrencyError, to_minor
from lakehouse.portfolio.transactions import Draft, LotPick
from serving.transactions.schemas import (
    CashMovedIn,
    ConversionIn,
    DividendIn,
    SpinOffIn,
    SplitIn,
    TradeIn,
    UnitsMovedIn,
)

AnyIn = TradeIn | UnitsMovedIn | DividendIn | CashMovedIn | ConversionIn | SplitIn | SpinOffIn
SMALLEST_RATE, LARGEST_RATE = Decimal("0.00000001"), Decimal(10**10 - 1)


def draft_of(item: AnyIn) -> Draft:
    """The draft that `item` stands for. Raises CurrencyError for an amount that its currency cannot hold."""
    draft = Draft(
        kind=item.kind,
        occurred_at=item.occurred_at,
        currency=item.currency,
        symbol=None if isinstance(item, ConversionIn) else item.symbol,
        settles_on=item.settles_on,
        external_id=item.external_id,
        note=item.note,
    )
    if isinstance(item, (TradeIn, UnitsMovedIn)):
        lots = tuple(LotPick(pick.lot_id, pick.quantity) for pick in item.lots)
        draft = replace(draft, quantity=item.quantity, price=item.price, fx_rate=item.fx_rate, lots=lots)
    if isinstance(item, ConversionIn):
        to_amount_minor = to_minor(item.to_amount, item.to_currency)
        draft = replace(draft, to_currency=item.to_currency, to_minor=to_amount_minor, fx_rate=_rate(item))
    if isinstance(item, (DividendIn, CashMovedIn, ConversionIn)):
        draft = replace(draft, amount_minor=to_minor(item.amount, item.currency))
    if isinstance(item, (TradeIn, DividendIn, CashMovedIn, ConversionIn)):
        fee, tax = to_minor(item.fee, item.currency), to_minor(item.tax, item.currency)
        draft = replace(draft, fee_minor=fee, tax_minor=tax)
    if isinstance(item, (SplitIn, SpinOffIn)):
        draft = replace(draft, ratio=item.ratio)
    if isinstance(item, SpinOffIn):
        draft = replace(draft, related_symbol=item.related_symbol, cost_share=Decimal(item.cost_share))
    return draft


def _rate(item: ConversionIn) -> Decimal:
    """The rate that the two amounts make."""
    rate = item.to_amount / item.amount
    if not SMALLEST_RATE <= rate <= LARGEST_RATE:
        raise CurrencyError(f"{item.amount} {item.currency} for {item.to_amount} {item.to_currency} is no rate")
    return rate.quantize(SMALLEST_RATE)
