"""The rules of policies of signals: their owner writes them; nobody writes what came of a signal."""

from uuid import UUID

from lakehouse.clock import Clock
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.paging import page_by_id
from serving.kit.problems import ApiError
from serving.kit.versions import check
from serving.portfolios.service import PortfolioNotFound, PortfolioService
from serving.signals.repository import SignalRepository
from serving.signals.schemas import SignalOutcomePage, SignalOutcomeQuery, SignalPolicyIn, SignalPolicyOut

KIND = "signal_policy"


class NoSignalPolicy(ApiError):
    """The portfolio does not follow signals."""

    status = 404
    code = "no_signal_policy"
    title = "The portfolio follows no signals"

    def __init__(self, portfolio_id: UUID) -> None:
        super().__init__(f"Opt in by PUT /api/v1/portfolios/{portfolio_id}/signal-policy.")


class SignalService:
    """Policies of the caller's portfolios, and what came of signals in them."""

    def __init__(self, repository: SignalRepository, portfolios: PortfolioService, *, clock: Clock) -> None:
        self._repository, self._portfolios, self._clock = repository, portfolios, clock

    async def find(self, principal: Principal, portfolio_id: UUID) -> SignalPolicyOut:
        """The policy. Raises PortfolioNotFound and NoSignalPolicy."""
        found = await self._repository.find(principal, portfolio_id)
        if found is None:
            await self._portfolios.require(principal, portfolio_id)
            raise NoSignalPolicy(portfolio_id)
        return found

    async def save(
        self, principal: Principal, portfolio_id: UUID, asked: SignalPolicyIn, if_match: str | None
    ) -> SignalPolicyOut:
        """Make or replace the policy. Raises PortfolioNotFound and VersionConflict."""
        async with self._repository.database.transaction() as connection:
            version = await self._repository.version(connection, portfolio_id, principal.user_id)
            if version is None:
                raise PortfolioNotFound(portfolio_id)
            check(if_match, version)
            values = {
                **asked.model_dump(exclude={"sources"}),
                "sides": str(asked.sides),
                "id": portfolio_id,
                "now": self._clock.now(),
            }
            await self._repository.save(connection, values, asked.sources)
            saved = await self._repository.read_back(connection, principal, portfolio_id)
            await record(
                connection,
                principal,
                f"{KIND}.updated" if version else f"{KIND}.created",
                clock=self._clock,
                object_kind=KIND,
                object_id=portfolio_id,
                after=saved.model_dump(mode="json"),
            )
        return saved

    async def delete(self, principal: Principal, portfolio_id: UUID, if_match: str | None) -> None:
        """Follow no signals any more. Raises PortfolioNotFound, NoSignalPolicy and VersionConflict."""
        async with self._repository.database.transaction() as connection:
            version = await self._repository.version(connection, portfolio_id, principal.user_id)
            if version is None:
                raise PortfolioNotFound(portfolio_id)
            if version == 0:
                raise NoSignalPolicy(portfolio_id)
            check(if_match, version)
            before = await self._repository.read_back(connection, principal, portfolio_id)
            await self._repository.delete(connection, portfolio_id)
            await record(
                connection,
                principal,
                f"{KIND}.deleted",
                clock=self._clock,
                object_kind=KIND,
                object_id=portfolio_id,
                before=before.model_dump(mode="json"),
            )

    async def outcomes(
        self, principal: Principal, portfolio_id: UUID, query: SignalOutcomeQuery, path: str
    ) -> SignalOutcomePage:
        """A page of what came of signals. Raises PortfolioNotFound."""
        await self._portfolios.require(principal, portfolio_id)
        outcome = None if query.outcome is None else str(query.outcome)
        found = await self._repository.page(portfolio_id, outcome, after=query.starting_after, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, {"outcome": outcome})
        return SignalOutcomePage(data=list(rows), has_more=following is not None, next=following)
