"""Earlier orders of an account as trade surveillance sees them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_HISTORY: Final = 100
"""How many of the newest earlier orders are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """An order as surveillance sees it. `notional` and `quantity` are positive; `price_deviation` is the order's price
    over the last price less one, 0 for an order at market and where no price was known. Floats: they are compared."""

    at: datetime
    notional: float
    quantity: float
    price_deviation: float = 0.0
