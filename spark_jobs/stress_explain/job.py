"""Stress of what is held at the close of a business date, and what it gained since the close before.

A portfolio that cannot be measured is recorded with the reason, and keeps no other from being measured. Small work,
inline in NumPy and Decimal; Spark reads, stages and publishes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.jobs import STRESS_EXPLAIN
from lakehouse.contracts.model import Table
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS, POSITIONS
from lakehouse.contracts.tables.stress import PNL_EXPLAIN, STRESS
from lakehouse.portfolio.fx import STALE_DAYS, Rates, symbol_of
from lakehouse.risk.stress import MAX_GAP_DAYS
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.holdings import Copied, Held, copied, positions, valued
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.rates import lake_rates
from spark_jobs.kit.reference import reference
from spark_jobs.kit.run import Run
from spark_jobs.stress_explain import books, transforms
from spark_jobs.stress_explain.explain import explain_rows
from spark_jobs.stress_explain.market import TwoCloses, two_closes
from spark_jobs.stress_explain.parameters import Booked, Scenarios, booked, scenarios
from spark_jobs.stress_explain.past import Market, Past, Series, mean_of_all, series_of
from spark_jobs.stress_explain.stress import Row, stress_rows
from spark_jobs.stress_explain.transforms import Span

LOOK_BACK = timedelta(days=2 * STALE_DAYS)
"""How far before the business date closes are read: enough for the close before, and for one that stands for it."""


def plan(run: Run) -> dict[str, Any]:
    """The scenarios of this release with the sectors of what is held, the close before, and what the books say of the
    time since."""
    copy = _copy(run, run.business_date)
    bars = _bars(run, copy)
    earlier = bars.filter(pc.less(bars["business_date"], pa.scalar(run.business_date)))
    previous = pc.max(earlier["business_date"]).as_py()
    sectors, _ = reference(run.settings.postgres, {symbol for each in copy.values() for symbol in each.units})
    return {
        "scenarios": Scenarios(sectors=sectors).document(),
        "books": books.read(run.settings.postgres, previous, run.business_date),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """Both tables of the date; the whole of its partitions is replaced."""
    tried, told = scenarios(parameters["scenarios"]), booked(parameters["books"])
    after = _copy(run, run.business_date)
    before = {} if told.previous is None else _copy(run, told.previous)
    market = _market(run, (before, after), told)
    spans = _spans(run.business_date, tried)
    rates = _rates(run, after, market, spans)
    # By the rates that moves are compounded with, which are also those of the date's VaR.
    current = replace(market, rates=rates)
    held = valued(after.values(), current.worth, current.line)
    returns = series_of(_returns(run, held, spans, tried))
    stressed = stress_rows(held, Past(returns, rates, _benchmark(run, returns, tried)), tried)
    return Computed(
        (
            _output(run, STRESS, stressed),
            _output(run, PNL_EXPLAIN, explain_rows(before, after, market, told)),
        )
    )


def _copy(run: Run, day: date) -> dict[str, Copied]:
    return copied(positions(run.read(POSITIONS), day).toArrow())


def _bars(run: Run, *copies: Mapping[str, Copied], more: Iterable[str] = ()) -> pa.Table:
    symbols = {symbol for copy in copies for each in copy.values() for symbol in each.units}
    first = run.business_date - LOOK_BACK
    return transforms.bars(run.read(DAILY_BARS), symbols | set(more), first, run.business_date).toArrow()


def _market(run: Run, copies: tuple[Mapping[str, Copied], ...], told: Booked) -> TwoCloses:
    bars = _bars(run, *copies, more=told.symbols)
    return two_closes(bars, told.previous, run.business_date, told.rates, told.multipliers)


def _spans(day: date, tried: Scenarios) -> tuple[Span, ...]:
    """The days whose moves scenarios repeat, with what may stand for their first."""
    gap = timedelta(days=MAX_GAP_DAYS)
    windows = ((window.first - gap, window.last) for window in tried.windows)
    return *windows, transforms.days_back(day, tried.window_days)


def _returns(run: Run, held: Held, spans: tuple[Span, ...], tried: Scenarios) -> pa.Table:
    symbols = {symbol_of(line) for line in held.symbols} | {tried.benchmark}
    return transforms.returns(run.read(RETURNS_DAILY), symbols, spans, run.business_date).toArrow()


def _benchmark(run: Run, returns: Mapping[str, Series], tried: Scenarios) -> Market | None:
    """The market that betas are to: the benchmark where the lake has it on the date, else the mean of all instruments,
    which no portfolio's number owes to what others hold."""
    own = returns.get(tried.benchmark)
    if own is not None and own.days[-1].item() == run.business_date:
        return Market(tried.benchmark, own)
    span = transforms.days_back(run.business_date, tried.window_days)
    return mean_of_all(transforms.totals(run.read(RETURNS_DAILY), span, run.business_date).toArrow())


def _rates(run: Run, copy: Mapping[str, Copied], market: TwoCloses, spans: tuple[Span, ...]) -> Rates:
    held = {symbol for each in copy.values() for symbol in each.units} & set(market.after)
    currencies = {each.base_currency for each in copy.values()} | {market.after[symbol].currency for symbol in held}
    # A rate of the last days of a year stands for the first of the next.
    years = {year for first, last in spans for year in range(first.year - 1, last.year + 1)}
    return lake_rates(run, currencies, years | {run.business_date.year})


def _output(run: Run, table: Table, rows: Iterable[Row]) -> Output:
    told = {"business_date": run.business_date, "run_id": run.run_id}
    made = pa.Table.from_pylist([{**row, **told} for row in rows], schema(table))
    return Output(
        table,
        from_arrow(run.session, made).select(*table.column_names),
        partitions(table, (run.business_date,)),
        minimum=made.num_rows,
        maximum=made.num_rows,
    )


JOB = Batch(STRESS_EXPLAIN, plan, compute)
