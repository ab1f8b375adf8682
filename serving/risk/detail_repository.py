"""SQL about what published risk comes from and how its forecasts have done: the ClickHouse copies of gold."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.marts import Marts
from serving.risk.repository import until

COMPONENTS: Final[LiteralString] = """
    SELECT parts.business_date AS business_date, parts.base_currency AS base_currency, risk.var_base AS var_base,
           risk.es_base AS es_base, parts.group_name AS group_name, parts.exposure_base AS exposure_base,
           parts.component_var_base AS component_var_base, parts.component_es_base AS component_es_base,
           parts.marginal_var AS marginal_var, parts.marginal_es AS marginal_es,
           parts.incremental_var_base AS incremental_var_base, parts.incremental_es_base AS incremental_es_base,
           parts.run_id AS run_id
    FROM component_risk_v1 AS parts
    INNER JOIN portfolio_risk_v1 AS risk
        ON risk.business_date = parts.business_date AND risk.portfolio_id = parts.portfolio_id
       AND risk.method = parts.method AND risk.confidence = parts.confidence
       AND risk.horizon_days = parts.horizon_days
    WHERE parts.portfolio_id = {portfolio_id:UUID} AND parts.method = {method:String}
      AND parts.confidence = {confidence:Decimal(6, 5)} AND parts.grouping = {grouping:String}
      AND parts.horizon_days = 1
      AND parts.business_date = (
          SELECT maxOrNull(business_date) FROM component_risk_v1
          WHERE portfolio_id = {portfolio_id:UUID} AND business_date <= {as_of:Date32})
    ORDER BY component_es_base DESC, group_name
"""
VERDICTS: Final[LiteralString] = """
    SELECT business_date, method, confidence, forecasts, breaches, expected_breaches, pof_p_value, first_breach_day,
           tuff_p_value, independence_p_value, coverage_p_value, zone, multiplier, z1, z1_p_value, z2, z2_p_value,
           null_model, refit_days, run_id
    FROM var_backtest_tests_v1
    WHERE portfolio_id = {portfolio_id:UUID}
      AND business_date = (
          SELECT maxOrNull(business_date) FROM var_backtest_tests_v1
          WHERE portfolio_id = {portfolio_id:UUID} AND business_date <= {as_of:Date32})
    ORDER BY method, confidence
"""


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A row of gold.component_risk_v1 beside the measure that it is a part of."""

    business_date: date
    base_currency: str
    var_base: Decimal
    es_base: Decimal
    group_name: str
    exposure_base: Decimal
    component_var_base: Decimal
    component_es_base: Decimal
    marginal_var: float | None
    marginal_es: float | None
    incremental_var_base: Decimal | None
    incremental_es_base: Decimal | None
    run_id: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of gold.var_backtest_tests_v1."""

    business_date: date
    method: str
    confidence: Decimal
    forecasts: int
    breaches: int
    expected_breaches: float
    pof_p_value: float
    first_breach_day: int
    tuff_p_value: float
    independence_p_value: float
    coverage_p_value: float
    zone: str
    multiplier: float
    z1: float | None
    z1_p_value: float | None
    z2: float | None
    z2_p_value: float | None
    null_model: str
    refit_days: int
    run_id: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Which components."""

    method: str
    confidence: Decimal
    grouping: str


class DetailRepository:
    """Reads of one portfolio's newest business date up to `as_of`. Every method raises MartsUnavailable."""

    def __init__(self, marts: Marts) -> None:
        self._marts = marts

    async def components(self, portfolio_id: UUID, cut: Cut, *, as_of: date | None) -> list[ComponentRow]:
        """The components of one measure, the largest shortfall first; empty where none were published by then."""
        names = {"method": cut.method, "confidence": cut.confidence, "grouping": cut.grouping}
        return await self._marts.fetch(
            COMPONENTS, {"portfolio_id": portfolio_id, "as_of": until(as_of), **names}, ComponentRow
        )

    async def verdicts(self, portfolio_id: UUID, *, as_of: date | None) -> list[VerdictRow]:
        """The verdict on every method at every confidence; empty where none were published by then."""
        return await self._marts.fetch(VERDICTS, {"portfolio_id": portfolio_id, "as_of": until(as_of)}, VerdictRow)
