"""Risk measured on request: who may ask, from which prices, beside the event loop."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from serving.kit.access import Principal
from serving.kit.problems import ApiError
from serving.kit.types import money_out, plain
from serving.portfolios.schemas import PortfolioOut
from serving.portfolios.service import PortfolioService
from serving.risk.book_repository import BookRepository
from serving.risk.history import Closes, NotComputable
from serving.risk.measuring import Ask, Found, compute
from serving.risk.on_demand_schemas import PriceSource, RiskComputed

THREADS: Final = 2
SPARE_DATES: Final = 60  # dates that not every instrument has are left out: read some more than are needed


class NothingHeld(ApiError):
    """The portfolio has no position, so there is nothing to measure."""

    status = 409
    code = "nothing_held"
    title = "The portfolio holds nothing"


class HistoryMissing(ApiError):
    """An instrument has no daily closes at all."""

    status = 409
    code = "history_missing"
    title = "There are no prices to measure by"


class HistoryStale(ApiError):
    """An instrument is not priced any more."""

    status = 409
    code = "history_stale"
    title = "The prices end at different times"


class CurrencyMismatch(ApiError):
    """An option is priced in another currency than its underlying."""

    status = 409
    code = "currency_mismatch"
    title = "An option and its underlying have different currencies"


class RateUnknown(ApiError):
    """An instrument is priced in another currency, and an exchange rate to the portfolio's is missing."""

    status = 409
    code = "rate_missing"
    title = "An exchange rate is missing"


class RiskNotComputable(ApiError):
    """The history is too short for the confidence or window, or the method does not apply to it."""

    status = 409
    code = "risk_not_computable"
    title = "The risk cannot be computed from this history"


class TermsMissing(ApiError):
    """An option or a bond is held whose terms nobody has given."""

    status = 409
    code = "terms_missing"
    title = "An option or a bond has no terms"


class InputMissing(ApiError):
    """A position is priced from a number that is neither given nor told by a close."""

    status = 409
    code = "input_missing"
    title = "A number is missing that a position is priced from"


REFUSALS: Final[tuple[type[ApiError], ...]] = (
    NothingHeld,
    TermsMissing,
    InputMissing,
    HistoryMissing,
    HistoryStale,
    CurrencyMismatch,
    RateUnknown,
    RiskNotComputable,
)
_BY_CODE: Final = {kind.code: kind for kind in REFUSALS}


def refusal(error: NotComputable) -> ApiError:
    """The same as it is answered."""
    return _BY_CODE[error.code](error.detail)


class OnDemand:
    """Measures one portfolio a call, two at a time in threads of their own."""

    def __init__(self, books: BookRepository, portfolios: PortfolioService) -> None:
        self._books = books
        self._portfolios = portfolios
        self._limiter = CapacityLimiter(THREADS)

    async def compute(self, principal: Principal, portfolio_id: UUID, ask: Ask) -> RiskComputed:
        """The risk now. Raises PortfolioNotFound, the refusals of this module, and what the stores raise."""
        portfolio = await self._portfolios.require(principal, portfolio_id)
        holdings = await self._books.holdings(portfolio_id)
        symbols = [each.symbol for each in holdings]
        closes, source = await daily_closes(self._books, symbols, ask.window_days)
        acted = await self._books.actions(symbols)
        newest = max((found.days[-1] for found in closes.values()), default=date.min)
        rates = await self._books.rates({portfolio.base_currency, *(each.currency for each in holdings)}, newest)
        work = partial(compute, holdings, closes, portfolio.base_currency, ask, actions=acted, rates=rates)
        try:
            found = await to_thread.run_sync(work, limiter=self._limiter)
        except NotComputable as error:
            raise refusal(error) from error
        return _out(portfolio, ask, found, source)

    async def require(self, principal: Principal, portfolio_id: UUID) -> None:
        """Raise PortfolioNotFound for what the caller may not read."""
        await self._portfolios.require(principal, portfolio_id)


async def daily_closes(
    books: BookRepository, symbols: Sequence[str], window_days: int
) -> tuple[dict[str, Closes], PriceSource]:
    """Closes of market.bar where they reach far enough for all, else those of gold where these do."""
    needed = window_days + 1
    bars = await books.bars(symbols, needed + SPARE_DATES)
    if _reach(bars, symbols, needed):
        return bars, PriceSource.BARS
    gold = await books.gold(symbols, needed + SPARE_DATES)
    return (gold, PriceSource.GOLD) if _reach(gold, symbols, needed) else (bars, PriceSource.BARS)


def _reach(found: dict[str, Closes], symbols: Sequence[str], needed: int) -> bool:
    return all(symbol in found and len(found[symbol].days) >= needed for symbol in symbols)


def _out(portfolio: PortfolioOut, ask: Ask, found: Found, source: PriceSource) -> RiskComputed:
    base = portfolio.base_currency
    return RiskComputed(
        portfolio_id=portfolio.id,
        portfolio_name=portfolio.name,
        business_date=found.business_date,
        first_date=found.first_date,
        method=ask.method,
        confidence=plain(ask.confidence),
        horizon_days=ask.horizon_days,
        value=money_out(found.value, base),
        value_at_risk=money_out(found.value_at_risk, base),
        expected_shortfall=money_out(found.expected_shortfall, base),
        convention=found.convention,
        observations=found.observations,
        scenarios=found.scenarios,
        instruments=found.instruments,
        dropped_dates=found.dropped_dates,
        source=source,
    )
