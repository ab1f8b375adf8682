"""The rules of allocations: everybody asks for their own portfolios, as often as they like."""

from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores.allocations import ask
from serving.allocations.repository import AllocationRepository
from serving.allocations.schemas import AllocationOut
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.problems import ApiError
from serving.portfolios.service import PortfolioNotFound, PortfolioService


class NoAllocation(ApiError):
    """Nobody asked for weights for the portfolio yet."""

    status = 404
    code = "no_allocation"
    title = "Nobody asked for weights"

    def __init__(self, portfolio_id: UUID) -> None:
        super().__init__(f"Ask by POST /api/v1/portfolios/{portfolio_id}/allocation.")


class AllocationService:
    """Allocations of the caller's portfolios."""

    def __init__(self, repository: AllocationRepository, portfolios: PortfolioService, *, clock: Clock) -> None:
        self._repository = repository
        self._portfolios = portfolios
        self._clock = clock

    async def find(self, principal: Principal, portfolio_id: UUID) -> AllocationOut:
        """What came of it. Raises PortfolioNotFound and NoAllocation."""
        found = await self._repository.find(principal, portfolio_id)
        if found is None:
            await self._portfolios.require(principal, portfolio_id)
            raise NoAllocation(portfolio_id)
        return found

    async def ask(self, principal: Principal, portfolio_id: UUID) -> AllocationOut:
        """Have weights computed anew; whoever waits already goes on waiting. Raises PortfolioNotFound."""
        async with self._repository.database.transaction() as connection:
            if not await self._repository.is_own(connection, principal, portfolio_id):
                raise PortfolioNotFound(portfolio_id)
            await ask(connection, [portfolio_id], now=self._clock.now())
            asked = await self._repository.read_back(connection, principal, portfolio_id)
            await record(
                connection,
                principal,
                "allocation.asked",
                clock=self._clock,
                object_kind="portfolio",
                object_id=portfolio_id,
            )
        return asked
