"""What may be asked about the lake and the marts, and by whom."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.contracts.model import Table
from serving.analytics.delta import Lake, LakeUnavailable, TableNotWritten
from serving.analytics.schemas import (
    TABLES,
    DeltaInfo,
    DeltaQuery,
    PortfolioRiskQuery,
    PortfolioRiskReport,
    RiskTotal,
)
from serving.kit.access import Principal
from serving.kit.problems import ApiError, DependencyUnavailable
from serving.kit.types import money_out
from serving.portfolios.repository import PortfolioRepository
from serving.risk.repository import RiskRepository, RiskRow
from serving.risk.service import metric_of

MAX_PORTFOLIOS: Final = 1000
PRIVATE: Final = frozenset({"portfolio_id", "owner_id", "raw"})


class TableEmpty(ApiError):
    """The table is in the contracts, but nothing has been written to it yet."""

    status = 404
    code = "table_not_written"
    title = "Nothing has been written to this table yet"


class AnalyticsService:
    """Reports for readers; rows of what belongs to users only for admins."""

    def __init__(self, risk: RiskRepository, portfolios: PortfolioRepository, lake: Lake) -> None:
        self._risk = risk
        self._portfolios = portfolios
        self._lake = lake

    async def portfolio_risk(self, principal: Principal, query: PortfolioRiskQuery) -> PortfolioRiskReport:
        """The report over what the caller may read. Raises PostgresUnavailable and MartsUnavailable."""
        ids = await self._portfolios.ids(principal)
        rows = await self._risk.newest_of(ids[:MAX_PORTFOLIOS], as_of=query.as_of) if ids else []
        asked = (query.method, Decimal(query.confidence), query.horizon_days)
        wanted = [row for row in rows if (row.method, row.confidence, row.horizon_days) == asked]
        wanted.sort(key=lambda row: (-row.var_base, str(row.portfolio_id)))
        known = {row.portfolio_id for row in wanted}
        days = [row.business_date for row in wanted]
        return PortfolioRiskReport(
            method=query.method,
            confidence=query.confidence,
            oldest_date=min(days, default=None),
            newest_date=max(days, default=None),
            metrics=[metric_of(row) for row in wanted],
            totals=_totals(wanted),
            without_risk=[each for each in ids[:MAX_PORTFOLIOS] if each not in known],
            is_truncated=len(ids) > MAX_PORTFOLIOS,
        )

    async def delta_info(self, principal: Principal, query: DeltaQuery) -> DeltaInfo:
        """A table of the lake. Raises TableEmpty, and DependencyUnavailable where the store does not answer."""
        table = TABLES[query.path]
        is_shown = principal.is_admin or not _is_private(table)
        try:
            found = await self._lake.describe(table, sample=query.sample if is_shown else 0)
        except TableNotWritten as error:
            raise TableEmpty(f"{error}: GET /api/v1/pipeline/status tells when its job ran.") from error
        except LakeUnavailable as error:
            raise DependencyUnavailable("The object store does not answer; /health/ready shows it.") from error
        return DeltaInfo(
            path=query.path,
            description=table.doc,
            grain=table.grain,
            owner=table.owner,
            version=found.version,
            files=found.files,
            rows=found.rows,
            bytes=found.bytes,
            partitioned_by=found.partitioned_by,
            partitions=found.partitions,
            columns=found.columns,
            is_sample_shown=is_shown,
            sample=found.sample,
        )


def _is_private(table: Table) -> bool:
    return not PRIVATE.isdisjoint(table.column_names)


def _totals(rows: Sequence[RiskRow]) -> list[RiskTotal]:
    grouped: dict[tuple[str, int], list[RiskRow]] = defaultdict(list)
    for row in rows:
        grouped[row.base_currency, row.horizon_days].append(row)
    return [_total(currency, horizon, found) for (currency, horizon), found in sorted(grouped.items())]


def _total(currency: str, horizon: int, rows: Sequence[RiskRow]) -> RiskTotal:
    holders: set[UUID] = {row.portfolio_id for row in rows}
    return RiskTotal(
        horizon_days=horizon,
        portfolios=len(holders),
        value=money_out(sum((row.value_base for row in rows), Decimal(0)), currency),
        value_at_risk=money_out(sum((row.var_base for row in rows), Decimal(0)), currency),
        expected_shortfall=money_out(sum((row.es_base for row in rows), Decimal(0)), currency),
    )
