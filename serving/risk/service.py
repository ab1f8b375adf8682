"""What may be asked about published risk."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from lakehouse.risk.methods import Method
from serving.kit.access import Principal
from serving.kit.paging import decode_cursor, encode_cursor, mismatch, next_path, split
from serving.kit.problems import ApiError
from serving.kit.types import money_out, plain
from serving.portfolios.service import PortfolioService
from serving.risk.repository import RiskCriteria, RiskKey, RiskRepository, RiskRow
from serving.risk.schemas import PortfolioRisk, RiskMetric, RiskMetricFilters, RiskMetricPage


class RiskNotPublished(ApiError):
    """The portfolio exists, but no run has published its risk up to that date."""

    status = 404
    code = "risk_not_published"
    title = "No risk has been published for that portfolio and date"

    def __init__(self, portfolio_id: UUID, as_of: date | None) -> None:
        until = "yet" if as_of is None else f"on or before {as_of}"
        super().__init__(
            f"No run has published the risk of portfolio {portfolio_id} {until}. That is an absence, not a risk of "
            "zero: run the risk_daily DAG, or `tidemark run var_batch` and `tidemark run publish_marts`, for that date."
        )


class EmptyDateRange(ApiError):
    """date_from lies after date_to."""

    status = 409
    code = "empty_date_range"
    title = "The date range is empty"


class RiskService:
    """Reads of published risk."""

    def __init__(self, repository: RiskRepository, portfolios: PortfolioService) -> None:
        self._repository = repository
        self._portfolios = portfolios

    async def of_portfolio(self, principal: Principal, portfolio_id: UUID, *, as_of: date | None) -> PortfolioRisk:
        """All metrics of the newest business date up to `as_of`. Raises PortfolioNotFound, RiskNotPublished."""
        await self._portfolios.require(principal, portfolio_id)
        rows = await self._repository.newest(portfolio_id, as_of=as_of)
        if not rows:
            raise RiskNotPublished(portfolio_id, as_of)
        return PortfolioRisk(
            portfolio_id=portfolio_id,
            as_of=as_of,
            business_date=rows[0].business_date,
            metrics=[metric_of(row) for row in rows],
        )

    async def page(self, principal: Principal, filters: RiskMetricFilters, path: str) -> RiskMetricPage:
        """A page of metrics; `path` is where the list is served. Raises CursorMismatch, EmptyDateRange."""
        owned = await self._portfolios.readable_ids(principal)
        criteria = criteria_of(filters, owned)
        scope = f"{path}?{criteria}"
        after = cursor_key(filters, scope)
        found = await self._repository.page(criteria, after=after, limit=filters.limit + 1)
        rows, has_more = split(found, filters.limit)
        following = _next(rows, filters, path, scope) if has_more else None
        return RiskMetricPage(data=[metric_of(row) for row in rows], has_more=has_more, next=following)


def criteria_of(filters: RiskMetricFilters, owned: tuple[UUID, ...] | None) -> RiskCriteria:
    """What the filters ask of the store, of the portfolios `owned` (None: of all). Raises EmptyDateRange."""
    if filters.date_from is not None and filters.date_to is not None and filters.date_from > filters.date_to:
        raise EmptyDateRange(f"date_from {filters.date_from} lies after date_to {filters.date_to}.")
    return RiskCriteria(
        portfolio_id=filters.portfolio_id,
        method=filters.method,
        confidence=None if filters.confidence is None else Decimal(filters.confidence),
        date_from=filters.date_from,
        date_to=filters.date_to,
        owned=owned,
    )


def _next(rows: Sequence[RiskRow], filters: RiskMetricFilters, path: str, scope: str) -> str:
    last = rows[-1]
    key = [str(last.business_date), str(last.portfolio_id), last.method, str(last.confidence), str(last.horizon_days)]
    return next_path(path, filters.model_dump(mode="json"), {"cursor": encode_cursor(key, scope)})


def cursor_key(filters: RiskMetricFilters, scope: str) -> RiskKey | None:
    """The row after which the page starts; None for the first page. Raises CursorMismatch for what no page wrote."""
    if filters.cursor is None:
        return None
    try:
        day, portfolio_id, method, confidence, horizon = decode_cursor(filters.cursor, scope)
        return RiskKey(date.fromisoformat(day), UUID(portfolio_id), Method(method), Decimal(confidence), int(horizon))
    except (ValueError, ArithmeticError) as error:
        raise mismatch() from error


def metric_of(row: RiskRow) -> RiskMetric:
    """The row as the API writes it."""
    return RiskMetric(
        portfolio_id=row.portfolio_id,
        portfolio_name=row.portfolio_name,
        business_date=row.business_date,
        method=Method(row.method),
        confidence=plain(row.confidence),
        horizon_days=row.horizon_days,
        value=money_out(row.value_base, row.base_currency),
        value_at_risk=money_out(row.var_base, row.base_currency),
        expected_shortfall=money_out(row.es_base, row.base_currency),
        convention=row.convention,
        observations=row.observations,
        scenarios=row.scenarios,
        breaches=row.breaches,
        backtest_days=row.backtest_days,
        run_id=row.run_id,
    )
