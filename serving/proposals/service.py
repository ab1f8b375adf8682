"""The rules of policies and proposals: their owner writes the former, nobody the latter."""

import asyncio
from datetime import date
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Policy
from lakehouse.construction.policy_document import document
from lakehouse.construction.schedule import next_due, session_from
from lakehouse.risk.checks import RiskError
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.paging import page_by_id
from serving.kit.problems import ApiError
from serving.kit.versions import check
from serving.portfolios.service import PortfolioNotFound, PortfolioService
from serving.proposals.repository import PolicyRow, ProposalRepository
from serving.proposals.schemas import PolicyIn, PolicyOut, ProposalDetail, ProposalPage, ProposalQuery
from serving.proposals.wire import policy_of, policy_out, proposal_detail, proposal_out


class NoPolicy(ApiError):
    """The portfolio has no rebalance policy."""

    status = 404
    code = "no_rebalance_policy"
    title = "The portfolio has no rebalance policy"

    def __init__(self, portfolio_id: UUID) -> None:
        super().__init__(f"Make one by PUT /api/v1/portfolios/{portfolio_id}/rebalance-policy.")


class PolicyRefused(ApiError):
    """Parts of the policy contradict each other, name no instrument, or a day that no exchange calendar has."""

    status = 409
    code = "policy_refused"
    title = "The policy contradicts itself"


class ProposalService:
    """Policies of the caller's portfolios, and the proposals made under them."""

    def __init__(
        self, repository: ProposalRepository, portfolios: PortfolioService, *, clock: Clock, exchange: str
    ) -> None:
        self._repository = repository
        self._portfolios = portfolios
        self._clock = clock
        self._exchange = exchange

    async def policy(self, principal: Principal, portfolio_id: UUID) -> PolicyOut:
        """The portfolio's policy. Raises PortfolioNotFound and NoPolicy."""
        await self._portfolios.require(principal, portfolio_id)
        row = await self._repository.policy(portfolio_id)
        if row is None:
            raise NoPolicy(portfolio_id)
        return policy_out(row, self._today())

    async def set_policy(
        self, principal: Principal, portfolio_id: UUID, asked: PolicyIn, if_match: str | None
    ) -> PolicyOut:
        """Make or replace the policy. Raises PortfolioNotFound, PolicyRefused, VersionConflict."""
        await self._portfolios.require(principal, portfolio_id)
        policy = _parsed(asked)
        anchor = asked.starts_on or self._today()
        # The first look into a calendar takes its time, and no transaction waits for that.
        await self._next(anchor, policy, None)
        async with self._repository.database.transaction() as connection:
            if not await self._repository.is_own(connection, portfolio_id, principal.user_id):
                raise PortfolioNotFound(portfolio_id)
            if unknown := await self._repository.unknown(connection, _symbols(policy)):
                raise PolicyRefused(f"There is no instrument {', '.join(unknown)}; GET /api/v1/instruments lists them.")
            before = await self._repository.locked(connection, portfolio_id)
            check(if_match, before.version if before else 0)
            values: dict[str, object] = {
                "id": portfolio_id,
                "is_enabled": asked.is_enabled,
                "is_automatic": asked.is_automatic,
                "frequency": str(policy.frequency),
                "anchor_on": anchor,
                "next_on": await self._next(anchor, policy, before),
                "now": self._clock.now(),
            }
            row = await self._repository.save(connection, values, document(policy))
            saved = policy_out(row, self._today())
            told = policy_out(before, self._today()).model_dump(mode="json") if before else None
            await record(
                connection,
                principal,
                "rebalance_policy.updated" if before else "rebalance_policy.created",
                clock=self._clock,
                object_kind="rebalance_policy",
                object_id=portfolio_id,
                before=told,
                after=saved.model_dump(mode="json"),
            )
        return saved

    async def find(self, principal: Principal, proposal_id: UUID) -> ProposalDetail:
        """One proposal with its trades. Raises NotFound."""
        row = await self._repository.find(principal, proposal_id)
        if row is None:
            raise NotFound(f"There is no proposal {proposal_id} of yours.")
        return proposal_detail(row, await self._repository.trades(proposal_id))

    async def page(self, principal: Principal, query: ProposalQuery, path: str) -> ProposalPage:
        """A page of the list."""
        names = ("portfolio_id", "state", "status", "date_from", "date_to")
        filters: dict[str, object] = {name: getattr(query, name) for name in names}
        found = await self._repository.page(principal, filters, after=query.starting_after, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, filters)
        return ProposalPage(data=[proposal_out(row) for row in rows], has_more=following is not None, next=following)

    async def _next(self, anchor: date, policy: Policy, before: PolicyRow | None) -> date:
        """The first due date; one that a proposal was made for already is not due again. In a thread: the first
        question to a calendar takes half a second."""
        done = before.proposed_on if before else None

        def ask() -> date:
            first = session_from(anchor, self._exchange)
            return first if done is None or first > done else next_due(anchor, done, policy.frequency, self._exchange)

        try:
            return await asyncio.to_thread(ask)
        except ConstructionError as error:
            raise PolicyRefused(f"starts_on cannot be used: {error}.") from error

    def _today(self) -> date:
        return self._clock.now().date()


def _parsed(asked: PolicyIn) -> Policy:
    try:
        return policy_of(asked)
    except RiskError as error:
        raise PolicyRefused(f"{error}.") from error


def _symbols(policy: Policy) -> frozenset[str]:
    grouped = {symbol for sector in policy.sectors for symbol in sector.symbols}
    return policy.wanted_symbols() | grouped | frozenset(policy.excluded)
