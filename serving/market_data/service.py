"""The rules of market data: providers' prices go through the one write path; what was observed never changes."""

from collections.abc import Sequence

import structlog
from redis.asyncio import Redis

from lakehouse.clock import Clock
from lakehouse.domain.quote import LatestQuote, Quote, QuoteError
from lakehouse.stores import quote_bus, quotes
from lakehouse.stores.postgres import Transaction
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, Skipped
from serving.kit.database import Database
from serving.kit.problems import ApiError
from serving.market_data.instants import EARLIEST
from serving.market_data.repository import OBSERVATIONS, ObservationRepository
from serving.market_data.schemas import ObservationIn, ObservationOut
from serving.quotes.feed import QuoteFeed

log = structlog.get_logger(__name__)

RULES = {
    "unknown_symbol": "No instrument is called {symbol}; GET /api/v1/instruments lists them.",
    "currency_mismatch": "{symbol} is not priced in {currency}; GET /api/v1/instruments shows its currency.",
    "from_the_future": "as_of of {symbol} is more than five minutes ahead: check the provider's clock.",
}


class QuoteRefused(ApiError):
    """The price cannot be true: an unknown instrument, another currency, a future instant, or a bid above the ask."""

    status = 409
    code = "quote_refused"
    title = "This price cannot be recorded"


class SymbolNotFound(ApiError):
    """No instrument has this symbol, or it was never quoted."""

    status = 404
    code = "symbol_not_found"
    title = "No such symbol, or no price of it"


class ObservationService(CrudService[ObservationIn, ObservationOut]):
    """Observations: listed, read, recorded; never changed or deleted."""

    def __init__(self, database: Database, redis: "Redis", clock: Clock) -> None:
        self._observations = ObservationRepository(database, OBSERVATIONS)
        self._redis = redis
        self._feed: QuoteFeed | None = None
        super().__init__(database, self._observations, clock)

    def tell(self, feed: QuoteFeed) -> None:
        """Let `feed` know what is recorded here at once: who has written a price reads it."""
        self._feed = feed

    async def create(self, principal: Principal, item: ObservationIn) -> ObservationOut:
        """The observation, recorded; a repeat is answered with the first one. Raises QuoteRefused."""
        outcome = (await self.batch(principal, [item], atomic=True))[0]
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def batch(
        self, principal: Principal, items: Sequence[ObservationIn], *, atomic: bool
    ) -> list[ObservationOut | ApiError]:
        """Each item's observation or refusal, in order. If `atomic`, one refusal means that nothing was written."""
        given = [_quote_of(item) for item in items]
        candidates = [each for each in given if isinstance(each, Quote)]
        if atomic and len(candidates) < len(given):
            return [each if isinstance(each, ApiError) else Skipped() for each in given]
        written: list[ObservationOut | ApiError] = []
        accepted: tuple[LatestQuote, ...] = ()
        if candidates:
            async with self.database.transaction() as connection:
                written, accepted = await self._record(connection, candidates, atomic=atomic)
                kept = [each for each in written if isinstance(each, ObservationOut)]
                if kept:
                    ids = [str(each.id) for each in kept]
                    await record(connection, principal, "observation.recorded", clock=self.clock, after={"ids": ids})
        await self._announce(accepted)
        outcomes = iter(written)
        return [each if isinstance(each, ApiError) else next(outcomes) for each in given]

    async def _record(
        self, connection: Transaction, candidates: Sequence[Quote], *, atomic: bool
    ) -> tuple[list[ObservationOut | ApiError], tuple[LatestQuote, ...]]:
        async with connection.transaction() as savepoint:
            recorded = await quotes.record_quotes(connection, candidates, clock=self.clock)
            refused = {each.index: _refusal(candidates[each.index], each.rule) for each in recorded.refused}
            if atomic and refused:
                savepoint.force_rollback = True
                return [refused.get(index, Skipped()) for index in range(len(candidates))], ()
            good = [quote for index, quote in enumerate(candidates) if index not in refused]
            kept = iter(await self._observations.by_key(connection, good))
        outcomes = [refused[index] if index in refused else next(kept) for index in range(len(candidates))]
        return outcomes, recorded.accepted

    async def _announce(self, accepted: Sequence[LatestQuote]) -> None:
        if self._feed is not None:
            self._feed.apply(accepted)
        await quote_bus.publish(self._redis, accepted)


def _quote_of(item: ObservationIn) -> Quote | ApiError:
    if item.as_of < EARLIEST:
        return QuoteRefused(f"as_of of {item.symbol} is before {EARLIEST.year}: check the provider's clock.")
    try:
        return Quote(**dict(item))
    except QuoteError as error:
        return QuoteRefused(f"{error}.")


def _refusal(quote: Quote, rule: str) -> ApiError:
    return QuoteRefused(RULES[rule].format(symbol=quote.symbol, currency=quote.currency))
