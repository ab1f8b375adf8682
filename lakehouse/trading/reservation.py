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
# Regulation T, 12 CFR 220.12(c)(1): a short sale of an equity needs 150 per cent of its market value, which is what it
# brings and a margin of half as much. No setting: what accounts keep back by it is stored, and recounted.
SHORT_COLLATERAL: Final = Decimal("1.5")
# What buying back one lot in part frees is rounded twice: its cost is split, and its collateral rounded up.
ROUNDED_MINOR: Final = 2


def worst_price(order: Order) -> Decimal | None:
    """The highest price a unit that the order is prepared to pay; None where no price is known.

    A limit is a promise. A stop without one becomes a market order at its stop price.
    """
    if order.limit_price is not None:
        return order.limit_price
    basis = order.stop_price if order.type in (OrderType.STOP, OrderType.TRAILING_STOP) else order.reference_price
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


def margin_needed(order: Order, multiplier: Decimal) -> int:
    """Minor units that a short sale of the order's unfilled part needs besides what it brings, rounded up.

    A limit may be filled above, where the market is: the highest price known counts. Raises as `cash_needed` does.
    """
    prices = [price for price in (order.limit_price, order.stop_price) if price is not None]
    if order.reference_price is not None and order.type in (OrderType.MARKET, OrderType.LIMIT):
        buffer = MARKET_BUFFER if order.type is OrderType.MARKET else Decimal(1)
        prices.append(order.reference_price * buffer)
    if not prices:
        raise ValueError(f"order {order.id} has no price to reserve by")
    gross = order.leaves * max(prices) * multiplier * (SHORT_COLLATERAL - 1)
    return int(gross.scaleb(minor_digits(order.currency)).to_integral_value(ROUND_CEILING))


def cover_needed(order: Order, multiplier: Decimal, freed_a_unit: Decimal) -> int:
    """Minor units that buying back may cost beyond the collateral that it frees, at least `freed_a_unit` minor units
    a unit. Raises as `cash_needed` does."""
    freed = int(order.leaves * freed_a_unit) - ROUNDED_MINOR
    return max(0, cash_needed(order, multiplier) - max(0, freed))


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
