"""What a simulated fill costs: slippage in its price, and fees in minor units."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from lakehouse.domain.currency import minor_digits
from lakehouse.trading.machine import PRICE_STEP
from lakehouse.trading.order import Side, TradingError

_BPS: Final = Decimal(10_000)


class BadCosts(TradingError):
    """Costs that are negative, or a maximum below the minimum."""

    rule = "costs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """How much worse a price gets, in basis points: always `fixed_bps`, and `impact_bps` for taking all that is there,
    in proportion for a part."""

    fixed_bps: Decimal = Decimal(0)
    impact_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if min(self.fixed_bps, self.impact_bps) < 0:
            raise BadCosts("slippage is zero or worse")

    def price(self, side: Side, price: Decimal, quantity: Decimal, available: Decimal | None) -> Decimal:
        """`price` after slippage, rounded to the price step against the client, never below one step."""
        share = quantity / available if available else Decimal(0)
        worse = price * (self.fixed_bps + self.impact_bps * share) / _BPS
        if side is Side.BUY:
            return (price + worse).quantize(PRICE_STEP, ROUND_CEILING)
        return max((price - worse).quantize(PRICE_STEP, ROUND_FLOOR), PRICE_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Fees of an order: a share of the amount and so much a unit, at least and at most so many minor units."""

    rate: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)
    minimum_minor: int = 0
    maximum_minor: int | None = None

    def __post_init__(self) -> None:
        if min(self.rate, self.per_unit) < 0 or self.minimum_minor < 0:
            raise BadCosts("fees are zero or positive")
        if self.maximum_minor is not None and self.maximum_minor < self.minimum_minor:
            raise BadCosts("the highest fee is at least the lowest")

    def of(self, units: Decimal, amount: Decimal, currency: str) -> int:
        """Minor units for an order of which `units` were filled for `amount` of `currency`, rounded up; 0 for none.

        A fill is charged what this says after it less what it said before: parts sum to the whole, whatever the fills.
        """
        if units == 0:
            return 0
        exact = (amount * self.rate + units * self.per_unit).scaleb(minor_digits(currency))
        fee = max(int(exact.to_integral_value(ROUND_CEILING)), self.minimum_minor)
        return fee if self.maximum_minor is None else min(fee, self.maximum_minor)
