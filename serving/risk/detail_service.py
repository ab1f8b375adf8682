"""What may be asked about where risk comes from, and about its record."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from lakehouse.risk.breach_tests import Zone
from lakehouse.risk.methods import Method
from serving.kit.access import Principal
from serving.kit.types import money_or_null, money_out, plain
from serving.portfolios.service import PortfolioService
from serving.risk.detail_repository import ComponentRow, Cut, DetailRepository, VerdictRow
from serving.risk.detail_schemas import (
    BacktestVerdict,
    ComponentQuery,
    RiskBacktest,
    RiskComponent,
    RiskComponents,
)
from serving.risk.service import RiskNotPublished


class RiskDetailService:
    """Reads of the details of published risk."""

    def __init__(self, repository: DetailRepository, portfolios: PortfolioService) -> None:
        self._repository = repository
        self._portfolios = portfolios

    async def components(self, principal: Principal, portfolio_id: UUID, query: ComponentQuery) -> RiskComponents:
        """What one measure comes from. Raises PortfolioNotFound, RiskNotPublished."""
        await self._portfolios.require(principal, portfolio_id)
        cut = Cut(query.method.value, Decimal(query.confidence), query.grouping.value)
        rows = await self._repository.components(portfolio_id, cut, as_of=query.as_of)
        if not rows:
            raise RiskNotPublished(portfolio_id, query.as_of)
        first = rows[0]
        return RiskComponents(
            portfolio_id=portfolio_id,
            business_date=first.business_date,
            method=query.method,
            confidence=query.confidence,
            grouping=query.grouping,
            value_at_risk=money_out(first.var_base, first.base_currency),
            expected_shortfall=money_out(first.es_base, first.base_currency),
            components=[_component(row) for row in rows],
            run_id=first.run_id,
        )

    async def backtest(self, principal: Principal, portfolio_id: UUID, *, as_of: date | None) -> RiskBacktest:
        """The verdicts on all methods. Raises PortfolioNotFound, RiskNotPublished."""
        await self._portfolios.require(principal, portfolio_id)
        rows = await self._repository.verdicts(portfolio_id, as_of=as_of)
        if not rows:
            raise RiskNotPublished(portfolio_id, as_of)
        return RiskBacktest(
            portfolio_id=portfolio_id,
            business_date=rows[0].business_date,
            verdicts=[_verdict(row) for row in rows],
            run_id=rows[0].run_id,
        )


def _component(row: ComponentRow) -> RiskComponent:
    return RiskComponent(
        group=row.group_name,
        exposure=money_out(row.exposure_base, row.base_currency),
        value_at_risk=money_out(row.component_var_base, row.base_currency),
        expected_shortfall=money_out(row.component_es_base, row.base_currency),
        marginal_value_at_risk=row.marginal_var,
        marginal_expected_shortfall=row.marginal_es,
        incremental_value_at_risk=money_or_null(row.incremental_var_base, row.base_currency),
        incremental_expected_shortfall=money_or_null(row.incremental_es_base, row.base_currency),
    )


def _verdict(row: VerdictRow) -> BacktestVerdict:
    return BacktestVerdict(
        method=Method(row.method),
        confidence=plain(row.confidence),
        forecasts=row.forecasts,
        breaches=row.breaches,
        expected_breaches=row.expected_breaches,
        zone=Zone(row.zone),
        multiplier=row.multiplier,
        kupiec_p_value=row.pof_p_value,
        first_breach_day=row.first_breach_day,
        first_breach_p_value=row.tuff_p_value,
        independence_p_value=row.independence_p_value,
        coverage_p_value=row.coverage_p_value,
        z1=row.z1,
        z1_p_value=row.z1_p_value,
        z2=row.z2,
        z2_p_value=row.z2_p_value,
        null_model=row.null_model,
        refit_days=row.refit_days,
    )
