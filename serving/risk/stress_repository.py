"""SQL about stress and about explained days: the ClickHouse copies of gold."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.marts import Marts
from serving.risk.repository import until

STRESS: Final[LiteralString] = """
    SELECT business_date, base_currency, kind, scenario, title, value_base, pnl_base, worst_base, worst_date,
           first_date, last_date, distance, detail, reason, run_id
    FROM stress_v1
    WHERE portfolio_id = {portfolio_id:UUID}
      AND business_date = (
          SELECT maxOrNull(business_date) FROM stress_v1
          WHERE portfolio_id = {portfolio_id:UUID} AND business_date <= {as_of:Date32})
    ORDER BY kind, pnl_base ASC NULLS LAST, scenario
"""
EXPLAINED: Final[LiteralString] = """
    SELECT business_date, base_currency, previous_date, item_kind, item, value_before_base, value_after_base,
           total_base, price_base, fx_base, new_trades_base, income_base, fees_base, rounding_base, unexplained_base,
           basis, reason, run_id
    FROM pnl_explain_v1
    WHERE portfolio_id = {portfolio_id:UUID}
      AND business_date = (
          SELECT maxOrNull(business_date) FROM pnl_explain_v1
          WHERE portfolio_id = {portfolio_id:UUID} AND business_date <= {as_of:Date32})
    ORDER BY total_base ASC NULLS LAST, item_kind, item
"""


@dataclass(frozen=True, slots=True)
class StressRow:
    """A row of gold.stress_v1."""

    business_date: date
    base_currency: str
    kind: str
    scenario: str
    title: str
    value_base: Decimal | None
    pnl_base: Decimal | None
    worst_base: Decimal | None
    worst_date: date | None
    first_date: date | None
    last_date: date | None
    distance: float | None
    detail: str
    reason: str
    run_id: str


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """A row of gold.pnl_explain_v1; amounts are there unless it has a reason."""

    business_date: date
    base_currency: str
    previous_date: date | None
    item_kind: str
    item: str
    value_before_base: Decimal | None
    value_after_base: Decimal | None
    total_base: Decimal | None
    price_base: Decimal | None
    fx_base: Decimal | None
    new_trades_base: Decimal | None
    income_base: Decimal | None
    fees_base: Decimal | None
    rounding_base: Decimal | None
    unexplained_base: Decimal | None
    basis: str
    reason: str
    run_id: str


class StressRepository:
    """Reads of one portfolio's newest business date up to `as_of`. Every method raises MartsUnavailable."""

    def __init__(self, marts: Marts) -> None:
        self._marts = marts

    async def stress(self, portfolio_id: UUID, *, as_of: date | None) -> list[StressRow]:
        """Every scenario, by kind, the greatest loss first; empty where none were published by then."""
        return await self._marts.fetch(STRESS, {"portfolio_id": portfolio_id, "as_of": until(as_of)}, StressRow)

    async def explained(self, portfolio_id: UUID, *, as_of: date | None) -> list[ExplainedRow]:
        """Every item of the day, the greatest loss first; empty where none were published by then."""
        return await self._marts.fetch(EXPLAINED, {"portfolio_id": portfolio_id, "as_of": until(as_of)}, ExplainedRow)
