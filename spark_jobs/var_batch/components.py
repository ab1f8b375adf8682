"""Where VaR and shortfall come from: by instrument, sector and currency, summing to the portfolio's to the cent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import parametric_contributions, scenario_contributions
from lakehouse.risk.cube import Groups, measure
from lakehouse.risk.methods import Method
from lakehouse.risk.shortfall import historical_es, parametric_normal_es
from lakehouse.risk.simulated import SIMULATED
from lakehouse.risk.student_t import student_t_es, student_t_var
from lakehouse.risk.var import historical_var, parametric_normal_var
from spark_jobs.var_batch.estimates import Estimated, Market
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.valuation import Cents, apportioned, money, to_cents

HORIZON_DAYS = 1
TAKEN_APART = (Method.HISTORICAL, Method.PARAMETRIC_NORMAL, Method.STUDENT_T, *SIMULATED)
"""Methods whose measure is a sum over what is held."""
INCREMENTAL_VALUES = 500_000_000
"""Numbers to measure anew for what each group adds, beyond which that is left out: about a minute."""
Measures = tuple[Callable[..., FloatArray], Callable[..., FloatArray]]
ANEW: dict[Method, Measures] = {
    Method.PARAMETRIC_NORMAL: (parametric_normal_var, parametric_normal_es),
    Method.STUDENT_T: (student_t_var, student_t_es),
}
EMPIRICAL: Measures = (historical_var, historical_es)


@dataclass(frozen=True, slots=True)
class Parts:
    """Components of one method at one confidence: `var`, `es` (N, P), base currency."""

    var: FloatArray
    es: FloatArray


@dataclass(frozen=True, slots=True)
class Grouping:
    """A cut of what one portfolio holds: the groups' `names`, the number `of` the group of each instrument held."""

    kind: str
    names: tuple[str, ...]
    of: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Holder:
    """One portfolio of the market: its column, the instruments that it holds and their exposures (H,), in order."""

    market: Market
    column: int
    held: npt.NDArray[np.intp]
    amounts: FloatArray
    groupings: tuple[Grouping, ...]


def component_rows(today: Market, estimated: tuple[Estimated, ...], parameters: Parameters) -> Iterator[dict[str, Any]]:
    """Rows of gold.component_risk_v1 without date and run, of every method in TAKEN_APART over one day."""
    holders = tuple(_holders(today, parameters))
    is_small = _values(today, holders) <= INCREMENTAL_VALUES
    wanted = [each for each in estimated if each.horizon_days == HORIZON_DAYS and each.found.method in TAKEN_APART]
    for one in wanted:
        parts = _parts(one.found.method, today, one.confidence, parameters)
        moves = _moves(one.found.method, today) if is_small else None
        for holder in holders:
            yield from _of_holder(holder, one, parts, moves)


def _holders(today: Market, parameters: Parameters) -> Iterator[Holder]:
    book = today.book
    for column, portfolio in enumerate(book.portfolios):
        held = np.flatnonzero(book.exposures[:, column])
        symbols = tuple(book.symbols[place] for place in held)
        groupings = (
            _grouping("instrument", symbols),
            _grouping("sector", tuple(parameters.sector(symbol) for symbol in symbols)),
            _grouping("currency", (portfolio.base_currency,) * len(symbols)),
        )
        yield Holder(today, column, held, book.exposures[held, column], groupings)


def _grouping(kind: str, keys: tuple[str, ...]) -> Grouping:
    names = tuple(sorted(set(keys)))
    place = {name: number for number, name in enumerate(names)}
    return Grouping(kind, names, np.array([place[key] for key in keys], dtype=np.int64))


def _values(today: Market, holders: tuple[Holder, ...]) -> int:
    """Numbers that measuring without each group takes, for all methods at one confidence."""
    groups = sum(len(grouping.names) for holder in holders for grouping in holder.groupings)
    drawn = sum(len(found.pnl[0]) for (_, horizon), found in today.simulated.items() if horizon == HORIZON_DAYS)
    return groups * (3 * len(today.pnl) + drawn)


def _parts(method: Method, today: Market, confidence: Decimal, parameters: Parameters) -> Parts:
    exposures, conventions = today.book.exposures, parameters.conventions
    if method in SIMULATED:
        symbols = today.book.symbols
        (found,) = measure(
            today.simulated[method, HORIZON_DAYS].drawn.scenarios,
            today.exposures,
            (confidence,),
            groups=Groups(symbols, np.arange(len(symbols))),
            quantile=conventions.quantile,
        )
        return Parts(found.component_var.T, found.component_es.T)
    if method is Method.HISTORICAL:
        made = scenario_contributions(today.window, exposures, confidence=confidence, conventions=conventions)
    else:
        made = parametric_contributions(method, today.window, exposures, confidence=confidence, conventions=conventions)
    return Parts(made.component_var, made.component_es)


def _moves(method: Method, today: Market) -> FloatArray:
    """(S, N) outcomes of the instruments that the method measures."""
    if method in SIMULATED:
        scenarios = today.simulated[method, HORIZON_DAYS].drawn.scenarios
        moves: FloatArray = scenarios.units * scenarios.unit
        return moves
    return today.window


def _of_holder(holder: Holder, one: Estimated, parts: Parts, moves: FloatArray | None) -> Iterator[dict[str, Any]]:
    book, column = holder.market.book, holder.column
    totals = (to_cents(one.found.var[column]), to_cents(one.found.es[column]))
    own = tuple(each[holder.held, column] for each in (parts.var, parts.es))
    for grouping in holder.groupings:
        exposure = _summed(holder.amounts, grouping)
        component = tuple(_summed(each, grouping) for each in own)
        cents = tuple(apportioned(each, int(total)) for each, total in zip(component, totals, strict=True))
        worth = apportioned(exposure, int(book.values[column].scaleb(2)))
        more = _incremental(one, holder, grouping, moves, totals)
        for group, name in enumerate(grouping.names):
            yield {
                "portfolio_id": book.portfolios[column].id,
                "base_currency": book.portfolios[column].base_currency,
                "method": str(one.found.method),
                "confidence": one.confidence,
                "horizon_days": HORIZON_DAYS,
                "grouping": grouping.kind,
                "group_name": name,
                "exposure_base": money(worth[group]),
                "component_var_base": money(cents[0][group]),
                "component_es_base": money(cents[1][group]),
                "marginal_var": _slope(component[0][group], exposure[group]),
                "marginal_es": _slope(component[1][group], exposure[group]),
                "incremental_var_base": None if more is None else money(more[0][group]),
                "incremental_es_base": None if more is None else money(more[1][group]),
            }


def _summed(values: FloatArray, grouping: Grouping) -> FloatArray:
    total = np.zeros(len(grouping.names))
    np.add.at(total, grouping.of, values)
    return total


def _slope(component: float, exposure: float) -> float | None:
    return None if exposure == 0 else float(component / exposure)


def _incremental(
    one: Estimated, holder: Holder, grouping: Grouping, moves: FloatArray | None, totals: tuple[Cents, Cents]
) -> tuple[Cents, Cents] | None:
    """What the measures would fall by without each group: measured anew on what is left (Jorion 2007, 7.2.2)."""
    if moves is None:
        return None
    own = moves[:, holder.held] * holder.amounts
    inside = np.stack([grouping.of == group for group in range(len(grouping.names))], axis=1)
    # Summed from what stays, not subtracted from the whole: a group that is everything leaves exactly nothing.
    rest = np.column_stack([own[:, ~inside[:, group]].sum(axis=1) for group in range(inside.shape[1])])
    var, shortfall = (to_cents(anew(rest, confidence=one.confidence)) for anew in ANEW.get(one.found.method, EMPIRICAL))
    return totals[0] - var, totals[1] - shortfall
