"""The aggregate: read in one snapshot, valued exactly, kept under the revision that it was read at."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import structlog

from lakehouse.clock import Clock
from lakehouse.portfolio.fx import Exchange, Rates
from lakehouse.portfolio.transactions import from_units, to_units
from lakehouse.portfolio.valuation import Asset, Market, Prices, position_minor, worth
from lakehouse.risk.methods import Method
from lakehouse.stores.marts import MartsUnavailable
from serving.aggregate.cache import AggregateCache
from serving.aggregate.repository import AggregateRepository, CashRow, HeldRow, Holdings, PortfolioRow
from serving.aggregate.schemas import Aggregate, AggregatePosition, AggregateRisk, PortfolioHoldings
from serving.kit.access import Principal
from serving.kit.types import money_of, money_out, plain
from serving.risk.repository import RiskRepository, RiskRow

MAX_PORTFOLIOS: Final = 200
SHOWN_HORIZON: Final = 1

log = structlog.get_logger(__name__)


class AggregateService:
    """What the caller owns; an admin, too, sees their own."""

    def __init__(
        self, repository: AggregateRepository, risk: RiskRepository, cache: AggregateCache, clock: Clock
    ) -> None:
        self._repository = repository
        self._risk = risk
        self._cache = cache
        self._clock = clock

    async def document(self, principal: Principal) -> bytes:
        """The aggregate as JSON: never older than the caller's last write. Raises PostgresUnavailable."""
        owner = principal.user_id
        revision = await self._repository.revision(owner)
        kept = await self._cache.get(owner, revision.text)
        if kept is not None:
            return kept
        made, is_whole, read_at = await self._make(owner)
        document = made.model_dump_json().encode()
        if is_whole:
            await self._cache.put(owner, read_at, document)
        return document

    async def _make(self, owner: UUID) -> tuple[Aggregate, bool, str]:
        """The aggregate, whether every engine answered, and the revision that it was read at."""
        now = self._clock.now()
        found = await self._repository.holdings(owner, today=now.date(), limit=MAX_PORTFOLIOS + 1)
        shown = found.portfolios[:MAX_PORTFOLIOS]
        risk, is_whole = await self._risk_of([row.id for row in shown])
        portfolios = _portfolios(shown, found, risk, now.date())
        totals: dict[str, int] = defaultdict(int)
        for minor, row in ((each[1], each[0]) for each in portfolios):
            if minor is not None:
                totals[row.base_currency] += minor
        complete = is_whole and all(minor is not None for _, minor in portfolios)
        aggregate = Aggregate(
            as_of=now,
            revision=found.revision.seq,
            portfolios=[row for row, _ in portfolios],
            totals=[money_of(minor, currency) for currency, minor in sorted(totals.items())],
            is_complete=complete,
            is_truncated=len(found.portfolios) > MAX_PORTFOLIOS,
        )
        return aggregate, is_whole, found.revision.text

    async def _risk_of(self, ids: Sequence[UUID]) -> tuple[dict[UUID, list[RiskRow]], bool]:
        rows: dict[UUID, list[RiskRow]] = defaultdict(list)
        try:
            for row in await self._risk.newest_of(ids) if ids else ():
                rows[row.portfolio_id].append(row)
        except MartsUnavailable as error:
            log.warning("aggregate without risk", error=str(error))
            return {}, False
        return rows, True


def _portfolios(
    shown: Sequence[PortfolioRow], found: Holdings, risk: dict[UUID, list[RiskRow]], today: date
) -> list[tuple[PortfolioHoldings, int | None]]:
    """Each portfolio with its value in minor units of its base currency, None where that is unknown."""
    held: dict[UUID, list[HeldRow]] = defaultdict(list)
    for row in found.held:
        held[row.portfolio_id].append(row)
    cash: dict[UUID, list[CashRow]] = defaultdict(list)
    for balance in found.cash:
        cash[balance.account_id].append(balance)
    return [
        _portfolio(row, held[row.id], cash[row.account_id], risk.get(row.id, []), (found.prices, found.rates, today))
        for row in shown
    ]


def _portfolio(
    row: PortfolioRow,
    held: Sequence[HeldRow],
    cash: Sequence[CashRow],
    risk: Sequence[RiskRow],
    now: tuple[Prices, Rates, date],
) -> tuple[PortfolioHoldings, int | None]:
    prices, rates, today = now
    assets = {each.symbol: Asset(each.symbol, each.currency, to_units(each.multiplier)) for each in held}
    market = Market(assets, prices, Exchange(rates, row.base_currency))
    balances = {each.currency: each.balance_minor for each in cash}
    value = worth(today, {each.symbol: to_units(each.quantity) for each in held}, balances, market)
    shown = PortfolioHoldings(
        id=row.id,
        name=row.name,
        base_currency=row.base_currency,
        value=None if value.value_minor is None else money_of(value.value_minor, row.base_currency),
        cash=[money_of(each.balance_minor, each.currency) for each in cash],
        positions=[_held(each, market, today) for each in held],
        risk=[_risk(each) for each in risk if each.horizon_days == SHOWN_HORIZON],
        reasons=[f"{reason.code}: {', '.join(reason.names)}" for reason in value.reasons],
    )
    return shown, value.value_minor


def _held(row: HeldRow, market: Market, today: date) -> AggregatePosition:
    close = market.prices.find(row.symbol, today)
    asset = market.assets[row.symbol]
    value = None if close is None else position_minor(asset, to_units(row.quantity), close.price)
    return AggregatePosition(
        symbol=row.symbol,
        name=row.name,
        quantity=plain(row.quantity),
        currency=row.currency,
        price=None if close is None else plain(from_units(close.price)),
        price_date=None if close is None else close.day,
        value=None if value is None else money_of(value, row.currency),
    )


def _risk(row: RiskRow) -> AggregateRisk:
    return AggregateRisk(
        business_date=row.business_date,
        method=Method(row.method),
        confidence=plain(row.confidence),
        value_at_risk=money_out(row.var_base, row.base_currency),
        expected_shortfall=money_out(row.es_base, row.base_currency),
    )
