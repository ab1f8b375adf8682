"""What may be asked about stress and about explained days."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.risk.hypotheticals import HYPOTHETICALS
from lakehouse.risk.scenarios import WINDOWS
from serving.kit.access import Principal
from serving.kit.types import MoneyOut, money_or_null, money_out
from serving.portfolios.service import PortfolioService
from serving.risk.service import RiskNotPublished
from serving.risk.stress_repository import ExplainedRow, StressRepository, StressRow
from serving.risk.stress_schemas import (
    Basis,
    ExplainedItem,
    Gain,
    ItemKind,
    PortfolioExplained,
    PortfolioStress,
    StressKind,
    StressScenario,
)

SOURCES: Final = {
    **{window.name: window.source for window in WINDOWS},
    **{scenario.name: scenario.source for scenario in HYPOTHETICALS},
}


class StressService:
    """Reads of published stress and explained days."""

    def __init__(self, repository: StressRepository, portfolios: PortfolioService) -> None:
        self._repository = repository
        self._portfolios = portfolios

    async def stress(self, principal: Principal, portfolio_id: UUID, *, as_of: date | None) -> PortfolioStress:
        """Every scenario. Raises PortfolioNotFound, RiskNotPublished."""
        await self._portfolios.require(principal, portfolio_id)
        rows = await self._repository.stress(portfolio_id, as_of=as_of)
        if not rows:
            raise RiskNotPublished(portfolio_id, as_of)
        first = rows[0]
        return PortfolioStress(
            portfolio_id=portfolio_id,
            business_date=first.business_date,
            value=money_or_null(first.value_base, first.base_currency),
            scenarios=[_scenario(row) for row in rows],
            run_id=first.run_id,
        )

    async def explained(self, principal: Principal, portfolio_id: UUID, *, as_of: date | None) -> PortfolioExplained:
        """Why the day went as it did. Raises PortfolioNotFound, RiskNotPublished."""
        await self._portfolios.require(principal, portfolio_id)
        rows = await self._repository.explained(portfolio_id, as_of=as_of)
        if not rows:
            raise RiskNotPublished(portfolio_id, as_of)
        first = rows[0]
        measured = [row for row in rows if not row.reason]
        return PortfolioExplained(
            portfolio_id=portfolio_id,
            business_date=first.business_date,
            previous_date=first.previous_date,
            whole=Gain(**_amounts(measured)) if measured else None,
            items=[ExplainedItem(kind=ItemKind(row.item_kind), item=row.item, **_amounts([row])) for row in measured],
            basis=Basis(first.basis) if first.basis else None,
            reason=first.reason or None,
            run_id=first.run_id,
        )


def _scenario(row: StressRow) -> StressScenario:
    return StressScenario(
        kind=StressKind(row.kind),
        scenario=row.scenario,
        title=row.title,
        profit_and_loss=money_or_null(row.pnl_base, row.base_currency),
        worst=money_or_null(row.worst_base, row.base_currency),
        worst_date=row.worst_date,
        first_date=row.first_date,
        last_date=row.last_date,
        distance=row.distance,
        detail=row.detail,
        reason=row.reason or None,
        source=SOURCES.get(row.scenario),
    )


def _amounts(rows: Sequence[ExplainedRow]) -> dict[str, MoneyOut]:
    """Sums over `rows`, of which there is at least one, by field of Gain."""
    return {
        name: money_out(_total([getattr(row, f"{name}_base") for row in rows]), rows[0].base_currency)
        for name in Gain.model_fields
    }


def _total(amounts: Sequence[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))
