"""Risk of a portfolio of shares, options and bonds, each revalued over one history of what moves them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count

import numpy as np

from lakehouse.domain.money import float_cents
from lakehouse.portfolio.fx import Rates
from lakehouse.pricing import PricingError
from lakehouse.quality.actions import Action, ActionRefused
from lakehouse.risk import Conventions, Labels, Quantile, RiskError, Simulation, simple_returns
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import apportioned
from lakehouse.risk.revaluation import Book, slopes_of, worths
from lakehouse.risk.revalued import DRAWN, FactorHistory, Recipe, RevaluedRisk, Valuation, revalued_risk
from lakehouse.risk.slopes import expansion_pnl
from serving.risk.history import Closes, History, NotComputable, common_history, rates_on
from serving.risk.measuring import SEED
from serving.risk.revaluation_lines import (
    AMERICAN,
    Bond,
    Given,
    Line,
    Market,
    Option,
    Position,
    line_of,
    yield_history,
)

MOST_AMERICAN = 400_000
"""Revaluations of American options that one request may ask for: some ten seconds."""
FEW_AMERICAN = 20_000
"""Beyond so many they are priced by the faster of QuantLib's two schemes, mostly within 1e-5 of the strike."""
LARGEST = 1e15
PRICE_STEP, YIELD_STEP = 0.01, 0.0001
NAMED = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `rate` is that of options which `given` has none for."""

    recipe: Recipe
    confidence: Decimal
    horizon_days: int
    window_days: int
    quantile: Quantile
    draws: int
    rate: Decimal | None
    given: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class Plan:
    """Positions by symbol, what `base` currency they are measured in, and which closes they need: `prices` of shares
    and underlyings and `yields` of bonds, whose histories are the factors, and the `newest` close of what a volatility
    or a yield is told of."""

    positions: tuple[Position, ...]
    base: str
    prices: tuple[str, ...]
    yields: Mapping[str, tuple[Bond, Decimal]]
    newest: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everything whose history is needed."""
        return tuple(sorted({*self.prices, *self.yields}))

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those of positions that are not the base currency: their rates are factors too."""
        return tuple(sorted({each.currency for each in self.positions} - {self.base}))


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One position: `value` in base currency; what it gains by a rise of its factor by PRICE_STEP or YIELD_STEP, by
    `slope` and what curvature adds; its parts of VaR and ES."""

    line: Line
    value: Decimal
    slope: float
    curvature: float
    component_var: Decimal
    component_es: Decimal


@dataclass(frozen=True, slots=True)
class Found:
    """The risk as of `business_date`, amounts in cents of the base currency; a positive VaR or ES is a loss."""

    business_date: date
    first_date: date
    value: Decimal
    value_at_risk: Decimal
    expected_shortfall: Decimal
    risk: RevaluedRisk
    convention: str
    dropped_dates: int
    lines: tuple[FoundLine, ...]
    factors: tuple[str, ...]


def planned(
    positions: Sequence[Position],
    bonds: Mapping[str, tuple[Bond, Decimal]],
    given: Mapping[str, Given],
    base: str | None,
) -> Plan:
    """What `positions` need. `bonds`: those that `given` names in `yields_of`, with their multipliers. Without a `base`
    currency, that of the first position by symbol.

    Raises NotComputable where nothing is held, and for a `yields_of` that is no bond with terms.
    """
    if not positions:
        raise NotComputable("nothing_held", "There is no position: that is no risk of zero, but none to measure.")
    prices: set[str] = set()
    yields: dict[str, tuple[Bond, Decimal]] = {}
    newest: list[str] = []
    ordered = tuple(sorted(positions, key=lambda position: position.symbol))
    for each in ordered:
        of = given.get(each.symbol, Given())
        match each.terms:
            case None:
                prices.add(each.symbol)
            case Option():
                prices.add(each.terms.underlying)
                newest += [each.symbol] * (of.volatility is None)
            case Bond():
                yields.update(_yields(each, each.terms, of, bonds))
                newest += [each.symbol] * (of.bond_yield is None)
    currency = base or ordered[0].currency
    return Plan(ordered, currency, tuple(sorted(prices)), dict(sorted(yields.items())), tuple(newest))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the stores say of a plan: `closes` of what moves, the `newest` of what it names, corporate actions and
    exchange rates."""

    closes: Mapping[str, Closes]
    newest: Mapping[str, Closes]
    actions: Sequence[Action]
    rates: Rates


def compute(plan: Plan, seen: Seen, asked: Asked) -> Found:
    """Measure today's positions under past or drawn moves of what they depend on. Raises NotComputable.

    Prices of shares and underlyings move as their closes did, corporate actions undone; bonds as the yields did that
    closes tell; other currencies with their rates. Volatilities, interest rates and dividend yields stay, and so does
    the time.
    """
    _require_closes(plan, seen.closes)
    series = [seen.closes[each] for each in plan.symbols]
    try:
        history = common_history(series, seen.actions, window_days=asked.window_days)
        return _compute(plan, seen, history, asked)
    except (RiskError, PricingError, ActionRefused) as error:
        raise NotComputable("risk_not_computable", f"{error}.") from error


def _yields(
    position: Position, bond: Bond, given: Given, bonds: Mapping[str, tuple[Bond, Decimal]]
) -> dict[str, tuple[Bond, Decimal]]:
    """The bond whose closes tell how the position's yield moves: another one, or itself."""
    if given.yields_of is None:
        return {bond.symbol: (bond, position.multiplier)}
    if given.yields_of not in bonds:
        raise NotComputable(
            "terms_missing",
            f"{given.yields_of}, whose yield {bond.symbol} is to move with, is no bond with terms: POST /api/v1/bonds "
            "adds them.",
        )
    return {given.yields_of: bonds[given.yields_of]}


def _require_closes(plan: Plan, closes: Mapping[str, Closes]) -> None:
    missing = [symbol for symbol in plan.symbols if symbol not in closes]
    if not missing:
        return
    why = {each.terms.underlying: each.symbol for each in plan.positions if isinstance(each.terms, Option)}
    told = [f"{symbol}, which {why[symbol]} is an option on" if symbol in why else symbol for symbol in missing]
    remedy = "ingest daily bars"
    if any(symbol in plan.yields for symbol in missing):
        remedy += ", or name a bond that has closes in `yields_of` of `inputs`"
    raise NotComputable("history_missing", f"There is no daily close of {', '.join(told[:NAMED])}: {remedy}.")


def _compute(plan: Plan, seen: Seen, history: History, asked: Asked) -> Found:
    number = count()
    prices = {symbol: next(number) for symbol in plan.prices}
    turned = {each: rates_on(seen.rates, each, plan.base, history.days) for each in plan.currencies}
    exchange = {currency: (rates[-1], next(number)) for currency, rates in turned.items()}
    yields = {symbol: next(number) for symbol in plan.yields}
    american = _american(plan, asked)
    market = Market(
        day=history.days[-1],
        last=dict(zip(history.symbols, history.last, strict=True)),
        closes=seen.closes,
        newest=seen.newest,
        prices=prices,
        yields=yields,
        exchange=exchange,
        given=asked.given,
        rate=asked.rate,
        is_fast=american > FEW_AMERICAN,
    )
    lines = [line_of(each, market) for each in plan.positions]
    books = [line.book for line in lines]
    units = np.array([float(line.position.quantity) for line in lines])
    pairs = [f"{currency}/{plan.base} rate" for currency in exchange]
    bonds = [f"{symbol} yield" for symbol in yields]
    moves = _moves(plan, history, turned)
    # Prices have the random numbers that the batch has for them.
    labels = Labels.of([*prices, *pairs, *bonds], history.days[1:])
    risk = revalued_risk(
        FactorHistory(moves, np.arange(moves.shape[1]) < len(prices) + len(pairs)),
        books,
        units,
        asked.recipe,
        confidence=asked.confidence,
        simulation=Simulation(SEED, asked.draws, labels=labels),
        conventions=Conventions(quantile=asked.quantile, horizon_days=asked.horizon_days),
    )
    worth = worths(books) * units
    if not max(np.abs(worth).sum(), abs(risk.var), abs(risk.es)) < LARGEST:
        raise NotComputable("risk_not_computable", "The positions are worth more than any market: check quantities.")
    convention = f"{risk.convention};volatility=held;rate=held;time=held"
    if american:
        convention += f";american={'fast' if market.is_fast else 'accurate'}"
    return Found(
        business_date=market.day,
        first_date=history.days[0],
        value=float_cents(float(worth.sum())),
        value_at_risk=float_cents(risk.var),
        expected_shortfall=float_cents(risk.es),
        risk=risk,
        convention=convention,
        dropped_dates=history.dropped,
        lines=_lines(lines, books, units, worth, risk),
        factors=(*(f"{symbol} price" for symbol in prices), *pairs, *bonds),
    )


def _american(plan: Plan, asked: Asked) -> int:
    """Revaluations of American options that the request takes. Raises NotComputable for too many."""
    held = sum(isinstance(each.terms, Option) and each.terms.style == AMERICAN for each in plan.positions)
    if asked.recipe.valuation is not Valuation.FULL:
        return held
    wanted = held * (asked.draws if asked.recipe.source in DRAWN else asked.window_days)
    if wanted > MOST_AMERICAN:
        raise NotComputable(
            "risk_not_computable",
            f"{held} American options in full revaluation take {wanted} prices, at most {MOST_AMERICAN} are made on "
            "request: ask for fewer `draws` or `days`, or for the valuation `delta_gamma`.",
        )
    return wanted


def _moves(plan: Plan, history: History, turned: Mapping[str, Sequence[Decimal]]) -> FloatArray:
    """Daily moves (T, F): of prices, then of exchange rates, then of yields."""
    place = {symbol: number for number, symbol in enumerate(history.symbols)}
    returns = simple_returns(history.levels)
    columns = [returns[:, place[symbol]] for symbol in plan.prices]
    columns += [simple_returns(np.array([[float(rate)] for rate in rates]))[:, 0] for rates in turned.values()]
    for symbol, (bond, multiplier) in plan.yields.items():
        found = yield_history(bond, multiplier, history.levels[:, place[symbol]], tuple(history.days))
        columns.append(np.diff(found))
    return np.column_stack(columns)


def _lines(
    lines: Sequence[Line], books: Sequence[Book], units: FloatArray, worth: FloatArray, risk: RevaluedRisk
) -> tuple[FoundLine, ...]:
    known = slopes_of(books)
    # What moves a position moves alone here: exchange rates stay.
    steps = np.zeros((1, 1 + int(known.by.max())))
    for line in lines:
        steps[0, line.factor] = YIELD_STEP if isinstance(line.position.terms, Bond) else PRICE_STEP
    linear = expansion_pnl(steps, known, len(lines), is_curved=False)[0] * units
    curved = expansion_pnl(steps, known, len(lines), is_curved=True)[0] * units - linear
    parts = [
        apportioned(parts, int(float_cents(total).scaleb(2)))
        for parts, total in ((risk.component_var, risk.var), (risk.component_es, risk.es))
    ]
    return tuple(
        FoundLine(line, value, float(slope), float(bend), *(Decimal(int(part)).scaleb(-2) for part in both))
        for line, value, slope, bend, *both in zip(
            lines, [float_cents(float(each)) for each in worth], linear, curved, *parts, strict=True
        )
    )
