"""Where VaR and shortfall come from: by instrument, sector and currency, summing to the portfolio's to the cent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.risk import COMPONENT_RISK
from lakehouse.portfolio.fx import pair_of, symbol_of
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.contributions import apportioned, parametric_contributions, scenario_contributions
from lakehouse.risk.cube import Groups, measure
from lakehouse.risk.methods import Method
from lakehouse.risk.shortfall import historical_es, parametric_normal_es
from lakehouse.risk.simulated import SIMULATED
from lakehouse.risk.student_t import student_t_es, student_t_var
from lakehouse.risk.var import historical_var, parametric_normal_var
from spark_jobs.var_batch.estimates import Estimated, Market
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.valuation import Cents, decimal_column, to_cents

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


@dataclass(frozen=True, slots=True)
class Piece:
    """One grouping of one portfolio's measure: (G,) each; amounts in whole cents, `incremental` of VaR and ES absent
    where the book is too large for it."""

    one: Estimated
    column: int
    grouping: Grouping
    exposure: Cents
    component: tuple[Cents, Cents]
    marginal: tuple[FloatArray, FloatArray]
    incremental: tuple[Cents, Cents] | None


def component_table(
    today: Market, estimated: tuple[Estimated, ...], parameters: Parameters, day: date, run_id: str
) -> pa.Table:
    """gold.component_risk_v1 of every method in TAKEN_APART over one day."""
    pieces = tuple(_pieces(today, estimated, parameters))
    rows = np.repeat(np.arange(len(pieces)), [len(piece.grouping.names) for piece in pieces])

    def each(values: list[Any], type_: pa.DataType) -> pa.Array:
        return pa.array(values, type_).take(pa.array(rows))

    def money_of(values: list[Cents]) -> pa.Array:
        return decimal_column(np.concatenate(values))

    holders = [today.book.portfolios[piece.column] for piece in pieces]
    more = [piece.incremental for piece in pieces if piece.incremental is not None]
    types = {field.name: field.type for field in schema(COMPONENT_RISK)}
    columns = {
        "business_date": pa.repeat(pa.scalar(day, pa.date32()), len(rows)),
        "portfolio_id": each([holder.id for holder in holders], pa.string()),
        "base_currency": each([holder.base_currency for holder in holders], pa.string()),
        "method": each([str(piece.one.found.method) for piece in pieces], pa.string()),
        "confidence": each([piece.one.confidence for piece in pieces], types["confidence"]),
        "horizon_days": pa.repeat(pa.scalar(HORIZON_DAYS, pa.int32()), len(rows)),
        "grouping": each([piece.grouping.kind for piece in pieces], pa.string()),
        "group_name": pa.array([name for piece in pieces for name in piece.grouping.names], pa.string()),
        "exposure_base": money_of([piece.exposure for piece in pieces]),
        "component_var_base": money_of([piece.component[0] for piece in pieces]),
        "component_es_base": money_of([piece.component[1] for piece in pieces]),
        "marginal_var": _or_null(np.concatenate([piece.marginal[0] for piece in pieces])),
        "marginal_es": _or_null(np.concatenate([piece.marginal[1] for piece in pieces])),
        "incremental_var_base": money_of([found[0] for found in more]) if more else _absent(len(rows)),
        "incremental_es_base": money_of([found[1] for found in more]) if more else _absent(len(rows)),
        "run_id": pa.repeat(pa.scalar(run_id), len(rows)),
    }
    return pa.table([columns[name] for name in COMPONENT_RISK.column_names], schema=schema(COMPONENT_RISK))


def _or_null(values: FloatArray) -> pa.Array:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _absent(rows: int) -> pa.Array:
    return pa.nulls(rows, schema(COMPONENT_RISK).field("incremental_var_base").type)


def _pieces(today: Market, estimated: tuple[Estimated, ...], parameters: Parameters) -> Iterator[Piece]:
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
        lines = tuple(book.symbols[place] for place in held)
        symbols = tuple(symbol_of(line) for line in lines)
        groupings = (
            _grouping("instrument", symbols),
            _grouping("sector", tuple(parameters.sector(symbol) for symbol in symbols)),
            _grouping("currency", tuple((pair_of(line) or (portfolio.base_currency,))[0] for line in lines)),
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


def _of_holder(holder: Holder, one: Estimated, parts: Parts, moves: FloatArray | None) -> Iterator[Piece]:
    column = holder.column
    totals = (to_cents(one.found.var[column]), to_cents(one.found.es[column]))
    worth = int(holder.market.book.values[column].scaleb(2))
    for grouping in holder.groupings:
        exposure = _summed(holder.amounts, grouping)
        var, shortfall = (_summed(each[holder.held, column], grouping) for each in (parts.var, parts.es))
        yield Piece(
            one=one,
            column=column,
            grouping=grouping,
            exposure=apportioned(exposure, worth),
            component=(apportioned(var, int(totals[0])), apportioned(shortfall, int(totals[1]))),
            marginal=(_slope(var, exposure), _slope(shortfall, exposure)),
            incremental=_incremental(one, holder, grouping, moves, totals),
        )


def _summed(values: FloatArray, grouping: Grouping) -> FloatArray:
    total = np.zeros(len(grouping.names))
    np.add.at(total, grouping.of, values)
    return total


def _slope(component: FloatArray, exposure: FloatArray) -> FloatArray:
    held = exposure != 0
    return np.where(held, component / np.where(held, exposure, 1.0), np.nan)


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
