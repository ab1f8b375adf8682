"""The value at risk that the night's batch published last, by portfolio: what VaR limits of the hot process mean."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.risk.methods import Method
from lakehouse.stores.marts import Marts

METHOD: Final = Method.HISTORICAL
CONFIDENCE: Final = Decimal("0.99")
HORIZON_DAYS: Final = 1
NEWEST_OF: Final = timedelta(days=14)
"""An older VaR is of another book: it counts as none."""

NEWEST: Final[LiteralString] = """
    SELECT portfolio_id, argMax(var_base, business_date) AS var_base
    FROM portfolio_risk_v1
    WHERE method = {method:String} AND confidence = {confidence:Decimal(6, 5)} AND horizon_days = {horizon:Int32}
      AND business_date >= {since:Date32}
    GROUP BY portfolio_id
"""


@dataclass(frozen=True, slots=True)
class _Risk:
    portfolio_id: UUID
    var_base: Decimal


async def newest_var(marts: Marts, today: date) -> dict[str, float]:
    """Units of each portfolio's base currency, positive for a loss. Raises MartsUnavailable."""
    names = {"method": METHOD.value, "confidence": CONFIDENCE, "horizon": HORIZON_DAYS, "since": today - NEWEST_OF}
    return {str(row.portfolio_id): float(row.var_base) for row in await marts.fetch(NEWEST, names, _Risk)}
