"""What an order keeps back when it is accepted: cash for what it may cost, or the units that it may deliver."""

from decimal import ROUND_CEILING, Decimal
from typing import Final

from lakehouse.domain.currency import from_minor, minor_digits
from lakehouse.trading.order import Order, OrderType, Side

# A market order, and a stop that has been set off, may be filled above the price that was seen: five per cent are
# kept back for that. What a fill costs beyond its reservation is taken from free cash, or the fill is refused.
MARKET_BUFFER: Final = Decimal("1.05")
# Fees are only known with the fill: a tenth of a per cent of the amount is kept back for them.
FEE_RATE: Final = Decimal("0.001")


def worst_price(order: Order) -> Decimal | None:
    """The highest price a unit that the order is prepared to pay; None where no price is known.

    A limit is a promise. A stop without one becomes a market order at its stop price.
    """
    if order.limit_price is not None:
        return order.limit_price
    basis = order.stop_price if order.type is OrderType.STOP else order.reference_price
    return None if basis is None else basis * MARKET_BUFFER


def cash_needed(order: Order, multiplier: Decimal) -> int:
    """Minor units of the order's currency that its unfilled part may cost, fees included, rounded up; 0 for a sale.

    Raises CurrencyError for a currency that the ledger does not know, ValueError where no price is known.
    """
    if order.side is Side.SELL:
        return 0
    price = worst_price(order)
    if price is None:
        raise ValueError(f"order {order.id} has no price to reserve by")
    gross = order.leaves * price * multiplier * (1 + FEE_RATE)
    return int(gross.scaleb(minor_digits(order.currency)).to_integral_value(ROUND_CEILING))


def notional(order: Order, multiplier: Decimal) -> Decimal | None:
    """Quantity times price (limit, stop or last seen) times multiplier; None where no price is known."""
    price = order.limit_price or order.stop_price or order.reference_price
    return None if price is None else order.quantity * price * multiplier


def written(minor: int, currency: str) -> str:
    """An amount for a sentence."""
    return f"{from_minor(minor, currency):f} {currency}"


def digits(value: Decimal) -> str:
    """A number for a sentence: no exponent, no trailing zeros."""
    return f"{value.normalize():f}"
