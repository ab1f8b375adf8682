"""What may be asked about portfolios."""

from uuid import UUID

from serving.kit.access import Principal
from serving.kit.paging import next_path, split
from serving.kit.problems import ApiError
from serving.kit.types import plain
from serving.portfolios.repository import PortfolioRepository, PortfolioRow, PositionRow
from serving.portfolios.schemas import PortfolioDetail, PortfolioFilters, PortfolioOut, PortfolioPage, PositionOut


class PortfolioNotFound(ApiError):
    """No portfolio has this id."""

    status = 404
    code = "portfolio_not_found"
    title = "No such portfolio"

    def __init__(self, portfolio_id: UUID) -> None:
        super().__init__(f"There is no portfolio {portfolio_id}; GET /api/v1/portfolios lists those that exist.")


class PortfolioService:
    """Reads of portfolios."""

    def __init__(self, repository: PortfolioRepository) -> None:
        self._repository = repository

    async def page(self, principal: Principal, filters: PortfolioFilters, path: str) -> PortfolioPage:
        """A page of the list; `path` is where the list is served."""
        found = await self._repository.page(
            principal, after=filters.starting_after, name=filters.name, limit=filters.limit + 1
        )
        rows, has_more = split(found, filters.limit)
        following = next_path(path, filters.model_dump(), {"starting_after": str(rows[-1].id)}) if has_more else None
        return PortfolioPage(data=[_portfolio(row) for row in rows], has_more=has_more, next=following)

    async def readable_ids(self, principal: Principal) -> tuple[UUID, ...] | None:
        """Ids of the caller's portfolios; None for an admin, who reads all."""
        return None if principal.is_admin else await self._repository.ids(principal)

    async def require(self, principal: Principal, portfolio_id: UUID) -> PortfolioOut:
        """The portfolio without its positions. Raises PortfolioNotFound."""
        row = await self._repository.find(principal, portfolio_id)
        if row is None:
            raise PortfolioNotFound(portfolio_id)
        return _portfolio(row)

    async def detail(self, principal: Principal, portfolio_id: UUID) -> PortfolioDetail:
        """The portfolio and what it holds. Raises PortfolioNotFound."""
        portfolio = await self.require(principal, portfolio_id)
        positions = [_position(row) for row in await self._repository.positions(portfolio_id)]
        return PortfolioDetail(**{**portfolio.model_dump(), "position_count": len(positions)}, positions=positions)


def _portfolio(row: PortfolioRow) -> PortfolioOut:
    return PortfolioOut(
        id=row.id,
        name=row.name,
        description=row.description,
        base_currency=row.base_currency,
        position_count=row.position_count,
        created_at=row.created_at,
    )


def _position(row: PositionRow) -> PositionOut:
    return PositionOut(
        symbol=row.symbol,
        name=row.name,
        exchange=row.exchange,
        currency=row.currency,
        quantity=plain(row.quantity),
        updated_at=row.updated_at,
    )
