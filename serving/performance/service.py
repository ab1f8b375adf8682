"""What performance means for a caller: who may see it, over which span, computed beside the event loop."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.portfolio.fx import Exchange
from lakehouse.portfolio.performance import History, Performance, Plan, performance, plan
from lakehouse.portfolio.transactions import to_units
from lakehouse.portfolio.valuation import Asset, Market, Worth, merged, position_minor, worth
from lakehouse.stores.books import history
from serving.kit.access import Principal
from serving.kit.problems import ApiError
from serving.kit.types import money_of, plain
from serving.performance import wire
from serving.performance.repository import CashRow, HeldRow, PerformanceRepository, PortfolioRow
from serving.performance.schemas import (
    CashOut,
    HeldOut,
    MoneyWeightedOut,
    PartsOut,
    PerformanceOut,
    PerformanceQuery,
    ReasonOut,
    SimpleOut,
    SnapshotOut,
    TimeWeightedOut,
)
from serving.portfolios.service import PortfolioNotFound

EARLIEST = date(1900, 1, 1)
Result = TypeVar("Result")


class EmptySpan(ApiError):
    """`from` is after `to`."""

    status = 409
    code = "empty_span"
    title = "The span has no days"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A history, what is to be valued of it, and with what."""

    history: History
    assets: dict[str, Asset]
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Performance, where there is a history in the span, and the market that it was measured in."""

    performance: Performance | None
    market: Market


class PerformanceService:
    """Reads what is needed, computes in `threads`: parsing and valuing a long history never holds up other requests."""

    def __init__(self, repository: PerformanceRepository, clock: Clock, threads: Executor) -> None:
        self._repository = repository
        self._clock = clock
        self._threads = threads

    async def performance(self, principal: Principal, portfolio_id: UUID, query: PerformanceQuery) -> str:
        """The document of a span, as JSON. Raises PortfolioNotFound, EmptySpan and PostgresUnavailable."""
        portfolio = await self.require(principal, portfolio_id)
        if query.first is not None and query.last is not None and query.first > query.last:
            raise EmptySpan("from is after to: turn them round.")
        today = self._clock.now().date()
        last = min(query.last or today, today)
        measured = await self._measure(portfolio, query.first, last, today, ())
        return await self._off(lambda: wire.json_of(_document(portfolio, measured, query.first, last, query.explain)))

    async def snapshot(self, principal: Principal, portfolio_id: UUID) -> str:
        """The document of the present moment, as JSON. Raises PortfolioNotFound and PostgresUnavailable."""
        portfolio = await self.require(principal, portfolio_id)
        now = self._clock.now()
        held, cash, bounds = await asyncio.gather(
            self._repository.held(portfolio_id),
            self._repository.cash(portfolio.account_id),
            self._repository.bounds(portfolio_id),
        )
        measured = await self._measure(portfolio, None, now.date(), now.date(), held)
        return await self._off(partial(_snapshot, portfolio, held, cash, measured, (now, bounds.transactions)))

    async def require(self, principal: Principal, portfolio_id: UUID) -> PortfolioRow:
        """The portfolio. Raises PortfolioNotFound."""
        found = await self._repository.find(principal, portfolio_id)
        if found is None:
            raise PortfolioNotFound(portfolio_id)
        return found

    async def _measure(
        self, portfolio: PortfolioRow, first: date | None, last: date, today: date, held: Collection[HeldRow]
    ) -> Measured:
        fetch = self._repository.database.fetch
        text = await history.read_books(fetch, portfolio.id)
        pools_lots = portfolio.lot_method == "average"
        ready = await self._off(lambda: _prepare(text, first, last, pools_lots=pools_lots))
        assets = {**ready.assets, **{row.symbol: _asset(row) for row in held}}
        spans, days = _needed(ready.plan, last, held)
        ends = () if ready.plan is None else (ready.plan.cuts[0], ready.plan.cuts[-1])
        currencies = _currencies(portfolio, ready, assets, held)
        current = [symbol for symbol, span in spans.items() if span[1] == today]
        bars, quotes, rates, costs = await asyncio.gather(
            history.read_closes(fetch, spans, days),
            history.read_quotes(fetch, current, today),
            history.read_rates(fetch, currencies, last),
            history.read_costs(fetch, portfolio.id, ends),
        )

        def compute() -> Measured:
            exchange = Exchange(history.parse_rates(rates), portfolio.base_currency)
            market = Market(assets, history.parse_closes(bars, quotes), exchange)
            if ready.plan is None:
                return Measured(None, market)
            return Measured(performance(replace(ready.history, open_costs=costs), ready.plan, market), market)

        return await self._off(compute)

    async def _off(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _prepare(text: history.BooksText, first: date | None, last: date, *, pools_lots: bool) -> Prepared:
    past, assets = history.parse_books(text, pools_lots=pools_lots)
    began = past.first_day
    if began is None:
        return Prepared(past, assets, None)
    start = max(first or began, began, EARLIEST)
    return Prepared(past, assets, plan(past, start, last) if start <= last else None)


def _needed(
    planned: Plan | None, last: date, held: Collection[HeldRow]
) -> tuple[dict[str, tuple[date, date]], set[date]]:
    """Which symbols must be valued over which spans, and on which days in them."""
    spans, days = ({}, set[date]()) if planned is None else (planned.spans(), planned.days())
    for row in held:
        first, _ = spans.get(row.symbol, (last, last))
        spans[row.symbol] = (first, last)
    return spans, days | {last}


def _asset(row: HeldRow) -> Asset:
    return Asset(row.symbol, row.currency, to_units(row.multiplier))


def _currencies(
    portfolio: PortfolioRow, ready: Prepared, assets: dict[str, Asset], held: Collection[HeldRow]
) -> set[str]:
    past = ready.history
    named = {each.currency for each in past.cash_days} | {asset.currency for asset in assets.values()}
    named |= {name for each in past.closed_days for name in (each.cost_currency, each.proceeds_currency)}
    return named | {name for row in held for name in row.costs} | {portfolio.base_currency}


def _document(
    portfolio: PortfolioRow, measured: Measured, first: date | None, last: date, explain: bool
) -> PerformanceOut:
    found, base = measured.performance, portfolio.base_currency
    if found is None:
        return _nothing(portfolio, first or last, last)
    return PerformanceOut(
        portfolio_id=portfolio.id,
        base_currency=base,
        first=date.fromordinal(found.begin.day.toordinal() + 1),
        last=found.end.day,
        begin_value=wire.money(found.begin.value_minor, base),
        end_value=wire.money(found.end.value_minor, base),
        time_weighted=wire.time_weighted_of(found.time_weighted),
        money_weighted=wire.money_weighted_of(found.money_weighted),
        simple=wire.simple_of(found, base),
        parts=wire.parts_of(found, base),
        currencies=[wire.currency_of(line) for line in found.currencies],
        is_degraded=bool(found.reasons),
        reasons=wire.reasons_of(found.reasons),
        explanation=wire.explanation_of(found, base) if explain else None,
    )


def _nothing(portfolio: PortfolioRow, first: date, last: date) -> PerformanceOut:
    """A span in which nothing had been booked yet: unknown, which is not zero."""
    reason = "no_transactions"
    return PerformanceOut(
        portfolio_id=portfolio.id,
        base_currency=portfolio.base_currency,
        first=first,
        last=last,
        begin_value=None,
        end_value=None,
        time_weighted=TimeWeightedOut(total=None, annualised=None, reason=reason),
        money_weighted=MoneyWeightedOut(rate=None, period=None, reason=reason, candidates=[]),
        simple=SimpleOut(gain=None, invested=None, ratio=None),
        parts=PartsOut(realised=None, unrealised=None, income=None, charges=None, transferred=None, exchange=None),
        currencies=[],
        is_degraded=True,
        reasons=[ReasonOut(code=reason, names=[], detail=f"nothing had been booked by {last}")],
        explanation=None,
    )


def _snapshot(
    portfolio: PortfolioRow,
    held: Collection[HeldRow],
    cash: Collection[CashRow],
    measured: Measured,
    taken: tuple[datetime, int],
) -> str:
    base, day = portfolio.base_currency, taken[0].date()
    balances = {row.currency: row.balance_minor for row in cash if row.balance_minor}
    now = worth(day, {row.symbol: to_units(row.quantity) for row in held}, balances, measured.market)
    shown = None if measured.performance is None else _document(portfolio, measured, None, day, False)
    past = () if measured.performance is None else measured.performance.reasons
    reasons = merged([*now.reasons, *past])
    return SnapshotOut(
        taken_at=taken[0],
        transactions=taken[1],
        portfolio_id=portfolio.id,
        name=portfolio.name,
        base_currency=base,
        value=wire.money(now.value_minor, base),
        cash_value=wire.money(now.cash_minor, base),
        cash=[_cash(row) for row in cash],
        positions=[_held(row, measured.market, now) for row in held],
        open_lots=sum(row.open_lots for row in held),
        performance=shown,
        is_degraded=bool(reasons),
        reasons=wire.reasons_of(reasons),
    ).model_dump_json(by_alias=True)


def _cash(row: CashRow) -> CashOut:
    return CashOut(
        balance=money_of(row.balance_minor, row.currency), reserved=money_of(row.reserved_minor, row.currency)
    )


def _held(row: HeldRow, market: Market, now: Worth) -> HeldOut:
    close = market.prices.find(row.symbol, now.day)
    value = None if close is None else position_minor(_asset(row), to_units(row.quantity), close.price)
    costs = [market.exchange.across(cost, name, row.currency, now.day) for name, cost in row.costs.items()]
    known = [cost for cost in costs if cost is not None]
    cost = sum(known) if len(known) == len(costs) and costs else None
    return HeldOut(
        symbol=row.symbol,
        name=row.name,
        currency=row.currency,
        quantity=plain(row.quantity),
        price=None if close is None else wire.price(close.price),
        price_date=None if close is None else close.day,
        is_stale=close is not None and wire.is_stale(close.day, now.day),
        value=wire.money(value, row.currency),
        cost=wire.money(cost, row.currency),
        unrealised=wire.money(None if value is None or cost is None else value - cost, row.currency),
        open_lots=row.open_lots,
    )
