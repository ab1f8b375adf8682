"""The rules of valuations: anybody reads their own, nobody writes one, they are computed on demand."""

from datetime import timedelta
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores.books.valuations import MAX_DAYS, store, value_days
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.paging import page_by_id
from serving.kit.problems import ApiError
from serving.kit.types import money_of
from serving.performance.schemas import ReasonOut
from serving.portfolios.service import PortfolioNotFound
from serving.valuations.repository import ValuationRepository, ValuationRow
from serving.valuations.schemas import ComputeIn, ComputeOut, ValuationOut, ValuationPage, ValuationQuery


class SpanRefused(ApiError):
    """`from` is after `to`, or there are too many days between them."""

    status = 409
    code = "span_refused"
    title = "These days cannot be valued together"


class ValuationService:
    """Reads and computations of valuations."""

    def __init__(self, repository: ValuationRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def page(self, principal: Principal, query: ValuationQuery, path: str) -> ValuationPage:
        """A page of the list."""
        filters = {"portfolio_id": query.portfolio_id, "date_from": query.date_from, "date_to": query.date_to}
        found = await self._repository.page(principal, dict(filters), after=query.starting_after, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, filters)
        return ValuationPage(data=[_out(row) for row in rows], has_more=following is not None, next=following)

    async def find(self, principal: Principal, valuation_id: UUID) -> ValuationOut:
        """One valuation. Raises NotFound."""
        row = await self._repository.find(principal, valuation_id)
        if row is None:
            raise NotFound(f"There is no valuation {valuation_id} of yours.")
        return _out(row)

    async def compute(self, principal: Principal, asked: ComputeIn) -> ComputeOut:
        """Value each day and keep the values. Raises PortfolioNotFound and SpanRefused."""
        portfolio = await self._repository.own(asked.portfolio_id, principal.user_id)
        if portfolio is None:
            raise PortfolioNotFound(asked.portfolio_id)
        last = min(asked.last, self._clock.now().date())
        if asked.first > asked.last:
            raise SpanRefused("from is after to: turn them round.")
        if last - asked.first >= timedelta(days=MAX_DAYS):
            raise SpanRefused(f"At most {MAX_DAYS} days at a time: ask for the earlier ones on their own.")
        values = await value_days(self._repository.database.fetch, portfolio, asked.first, last)
        async with self._repository.database.transaction() as connection:
            if not await self._repository.still_own(connection, portfolio):
                raise PortfolioNotFound(portfolio.id)
            await store(connection, portfolio, values, self._clock)
            newest = await self._repository.newest(connection, principal, portfolio.id)
        return ComputeOut(
            portfolio_id=portfolio.id,
            computed=len(values),
            degraded=sum(bool(each.worth.reasons) for each in values),
            newest=None if newest is None or not values else _out(newest),
        )


def _out(row: ValuationRow) -> ValuationOut:
    return ValuationOut(
        id=row.id,
        portfolio_id=row.portfolio_id,
        business_date=row.business_date,
        value=None if row.value_minor is None else money_of(row.value_minor, row.currency),
        cash=None if row.cash_minor is None else money_of(row.cash_minor, row.currency),
        net_flow=None if row.net_flow_minor is None else money_of(row.net_flow_minor, row.currency),
        is_degraded=bool(row.reasons),
        reasons=[ReasonOut.model_validate(reason) for reason in row.reasons],
        computed_at=row.computed_at,
    )
