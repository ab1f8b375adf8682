"""What a portfolio holds, what it cost and what it is worth by the last prices."""

from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import MINOR_DIGITS, from_minor
from lakehouse.stores.books.newest import NewestPrice
from lakehouse.stores.books.recount import SNAPSHOT, recount
from serving.holdings.repository import HoldingRepository, HoldingRow
from serving.holdings.schemas import CostOut, FindingOut, HoldingOut, HoldingsOut, ReconciliationOut
from serving.kit.access import Principal
from serving.kit.database import Database
from serving.kit.types import plain
from serving.portfolios.service import PortfolioService

DIGITS = Decimal("0.00000001")
PRECISION = 80  # units, price and multiplier together have more digits than a Decimal keeps by itself


class HoldingService:
    """Reads of holdings."""

    def __init__(
        self, repository: HoldingRepository, portfolios: PortfolioService, *, clock: Clock, stale_after_s: float
    ) -> None:
        self._repository = repository
        self._portfolios = portfolios
        self._clock = clock
        self._stale_after = timedelta(seconds=stale_after_s)

    async def holdings(self, principal: Principal, portfolio_id: UUID) -> HoldingsOut:
        """What the portfolio holds. Raises PortfolioNotFound."""
        portfolio = await self._portfolios.require(principal, portfolio_id)
        now = self._clock.now()
        oldest = now - self._stale_after
        rows = await self._repository.holdings(portfolio_id)
        prices = await self._repository.prices(rows, now.date())
        with localcontext(prec=PRECISION):
            data = [_holding(row, prices.get(row.symbol), oldest) for row in rows]
        return HoldingsOut(
            portfolio_id=portfolio_id,
            base_currency=portfolio.base_currency,
            as_of=now,
            data=data,
            warnings=_warnings(data),
        )


class ReconciliationService:
    """Recounts on demand."""

    def __init__(self, database: Database, portfolios: PortfolioService, clock: Clock) -> None:
        self._database = database
        self._portfolios = portfolios
        self._clock = clock

    async def reconcile(self, principal: Principal, portfolio_id: UUID) -> ReconciliationOut:
        """The portfolio's books, counted again at one instant. Raises PortfolioNotFound."""
        await self._portfolios.require(principal, portfolio_id)
        async with self._database.transaction() as connection:
            await connection.execute(SNAPSHOT)
            counted = await recount(connection, portfolio_id=portfolio_id)
        findings = [
            FindingOut(check=each.check, object=each.object, expected=each.expected, found=each.found)
            for each in counted.findings
        ]
        return ReconciliationOut(
            portfolio_id=portfolio_id,
            as_of=self._clock.now(),
            transactions=counted.transactions,
            is_clean=counted.is_clean,
            findings=findings,
        )


def _warnings(data: list[HoldingOut]) -> list[str]:
    unpriced = [each.symbol for each in data if each.price is None]
    stale = [each.symbol for each in data if each.stale]
    told = (("without a price, so without a value", unpriced), ("with an old price", stale))
    return [f"{len(symbols)} {what}: {', '.join(symbols[:20])}" for what, symbols in told if symbols]


def _holding(row: HoldingRow, newest: NewestPrice | None, oldest: datetime) -> HoldingOut:
    costs = [_cost(row, each) for each in row.costs]
    price = None if newest is None else newest.price
    value = None if price is None else _money(row.quantity * price * row.multiplier, row.currency)
    is_comparable = value is not None and [each.currency for each in costs] == [row.currency]
    return HoldingOut(
        symbol=row.symbol,
        name=row.name,
        kind=row.kind,
        currency=row.currency,
        quantity=plain(row.quantity),
        reserved_quantity=plain(row.reserved_quantity),
        costs=costs,
        price=None if price is None else plain(price),
        price_as_of=None if newest is None else newest.as_of,
        price_provider=None if newest is None else newest.provider,
        stale=None if newest is None else newest.as_of < oldest,
        market_value=None if value is None else f"{value:f}",
        unrealised=f"{value - Decimal(costs[0].cost):f}" if value is not None and is_comparable else None,
    )


def _cost(row: HoldingRow, given: dict[str, str]) -> CostOut:
    cost = from_minor(int(given["cost_minor"]), given["currency"])
    quantity = Decimal(given["quantity"])
    return CostOut(
        currency=given["currency"],
        lot_count=int(given["lot_count"]),
        quantity=plain(quantity),
        cost=f"{cost:f}",
        average_cost=plain((cost / quantity / row.multiplier).quantize(DIGITS)),
        oldest_opened_at=datetime.fromisoformat(given["oldest_opened_at"]),
    )


def _money(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2)))
