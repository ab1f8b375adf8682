"""Revaluation on request: whose positions, by which terms and closes, beside the event loop."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from serving.kit.access import Principal
from serving.kit.constraints import UnknownReference
from serving.kit.pricing import digits
from serving.kit.types import money_out, plain
from serving.portfolios.service import PortfolioService
from serving.risk.book_repository import BookRepository
from serving.risk.history import Closes, NotComputable
from serving.risk.on_demand import THREADS, daily_closes, refusal
from serving.risk.on_demand_schemas import PriceSource
from serving.risk.revaluation_lines import Bond, Kind, Option, Position
from serving.risk.revaluation_repository import Listed, TermsRepository
from serving.risk.revaluation_schemas import InputOut, RevaluationRisk, RevaluedPosition, RevalueIn, Side
from serving.risk.revaluing import Asked, Found, FoundLine, Plan, Seen, compute, planned

NAMED = 10


class Revaluation:
    """Measures one set of positions a call, two at a time in threads of their own."""

    def __init__(self, books: BookRepository, terms: TermsRepository, portfolios: PortfolioService) -> None:
        self._books = books
        self._terms = terms
        self._portfolios = portfolios
        self._limiter = CapacityLimiter(THREADS)

    async def compute(self, principal: Principal, wanted: RevalueIn) -> RevaluationRisk:
        """The risk now. Raises PortfolioNotFound, UnknownReference, the refusals of risk on request, and what the
        stores raise."""
        base, units = await self._units(principal, wanted)
        asked = wanted.asked
        try:
            plan = await self._plan(units, wanted.base_currency or base, asked)
            found, source = await self._measured(plan, asked)
        except NotComputable as error:
            raise refusal(error) from error
        return _out(wanted.portfolio_id, plan.base, asked, found, source)

    async def _units(self, principal: Principal, wanted: RevalueIn) -> tuple[str | None, dict[str, Decimal]]:
        """Held and given together by symbol, without what comes to nothing, and the portfolio's currency."""
        units: dict[str, Decimal] = {}
        base = None
        if wanted.portfolio_id is not None:
            base = (await self._portfolios.require(principal, wanted.portfolio_id)).base_currency
            units = {each.symbol: each.quantity for each in await self._books.holdings(wanted.portfolio_id)}
        for each in wanted.positions:
            signed = each.quantity if each.side is Side.LONG else -each.quantity
            units[each.symbol] = units.get(each.symbol, Decimal(0)) + signed
        return base, {symbol: held for symbol, held in units.items() if held}

    async def _plan(self, units: Mapping[str, Decimal], base: str | None, asked: Asked) -> Plan:
        moved_with = {each.yields_of for each in asked.given.values() if each.yields_of is not None}
        options = await self._terms.options(units)
        bonds = await self._terms.bonds({*units, *moved_with})
        underlyings = {option.underlying for option in options.values()}
        listed = await self._terms.instruments({*units, *underlyings, *moved_with})
        _require_listed({*units, *moved_with}, listed)
        positions = [_position(listed[symbol], held, options, bonds) for symbol, held in units.items()]
        others = {symbol: (bonds[symbol], listed[symbol].multiplier) for symbol in moved_with if symbol in bonds}
        for option in options.values():
            _require_currency(option, listed)
        return planned(positions, others, asked.given, base)

    async def _measured(self, plan: Plan, asked: Asked) -> tuple[Found, PriceSource]:
        closes, source = await daily_closes(self._books, plan.symbols, asked.window_days)
        newest = await self._newest(plan.newest)
        acted = await self._books.actions(plan.symbols)
        last = max((found.days[-1] for found in closes.values()), default=date.min)
        rates = await self._books.rates({plan.base, *plan.currencies}, last)
        work = partial(compute, plan, Seen(closes, newest, acted, rates), asked)
        return await to_thread.run_sync(work, limiter=self._limiter), source

    async def _newest(self, symbols: tuple[str, ...]) -> dict[str, Closes]:
        """The newest close of each: of market.bar where it has one, else of gold."""
        if not symbols:
            return {}
        bars = await self._books.bars(symbols, 1)
        missing = [symbol for symbol in symbols if symbol not in bars]
        return {**(await self._books.gold(missing, 1) if missing else {}), **bars}


def _require_listed(symbols: Iterable[str], listed: Mapping[str, Listed]) -> None:
    unknown = sorted(symbol for symbol in symbols if symbol not in listed)
    if unknown:
        raise UnknownReference(
            f"There is no instrument {', '.join(unknown[:NAMED])}: POST /api/v1/instruments adds it."
        )


def _require_currency(option: Option, listed: Mapping[str, Listed]) -> None:
    own, other = listed[option.symbol].currency, listed[option.underlying].currency
    if own != other:
        raise NotComputable(
            "currency_mismatch",
            f"{option.symbol} is priced in {own} and {option.underlying}, which it is an option on, in {other}.",
        )


def _position(listed: Listed, quantity: Decimal, options: Mapping[str, Option], bonds: Mapping[str, Bond]) -> Position:
    """Units with their terms. Raises NotComputable for an option or a bond without any."""
    terms = options.get(listed.symbol) or bonds.get(listed.symbol)
    if terms is None and listed.kind in (Kind.OPTION, Kind.BOND):
        raise NotComputable(
            "terms_missing",
            f"{listed.symbol} is of the kind {listed.kind} and has no terms: POST /api/v1/{listed.kind}s adds them.",
        )
    return Position(listed.symbol, quantity, listed.multiplier, listed.currency, terms)


def _out(portfolio_id: UUID | None, base: str, asked: Asked, found: Found, source: PriceSource) -> RevaluationRisk:
    return RevaluationRisk(
        portfolio_id=portfolio_id,
        business_date=found.business_date,
        first_date=found.first_date,
        valuation=asked.recipe.valuation,
        scenarios=asked.recipe.source,
        confidence=plain(asked.confidence),
        horizon_days=asked.horizon_days,
        base_currency=base,
        value=money_out(found.value, base),
        value_at_risk=money_out(found.value_at_risk, base),
        expected_shortfall=money_out(found.expected_shortfall, base),
        convention=found.convention,
        observations=found.risk.observations,
        outcomes=found.risk.scenarios,
        dropped_dates=found.dropped_dates,
        source=source,
        positions=[_line(each, found.factors, base) for each in found.lines],
    )


def _line(found: FoundLine, factors: tuple[str, ...], base: str) -> RevaluedPosition:
    line = found.line
    return RevaluedPosition(
        symbol=line.position.symbol,
        kind=line.position.kind,
        quantity=plain(line.position.quantity),
        model=line.model,
        factor=factors[line.factor],
        inputs=[InputOut(name=each.name, value=each.value, source=each.source, on=each.on) for each in line.inputs],
        value=money_out(found.value, base),
        sensitivity=digits(found.slope),
        curvature=digits(found.curvature),
        component_var=money_out(found.component_var, base),
        component_es=money_out(found.component_es, base),
    )
