"""Stress of what is held at the close of a business date, and what it gained since the close before.

A portfolio that cannot be measured is recorded with the reason, and keeps no other from being measured. Small work,
inline in NumPy and Decimal; Spark reads, stages and publishes.
"""

from collections.abc import Iterable, Mapping
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
from lakehouse.portfolio.fx import STALE_DAYS
from lakehouse.risk.stress import MAX_GAP_DAYS
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.holdings import Copied, Held, copied, positions, valued
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.stress_explain import books, transforms
from spark_jobs.stress_explain.explain import explain_rows
from spark_jobs.stress_explain.market import TwoCloses, two_closes
from spark_jobs.stress_explain.parameters import Booked, Scenarios, booked, scenarios
from spark_jobs.stress_explain.stress import Row, series_of, stress_rows

LOOK_BACK = timedelta(days=2 * STALE_DAYS)
"""How far before the business date closes are read: enough for the close before, and for one that stands for it."""


def plan(run: Run) -> dict[str, Any]:
    """The scenarios of this release, the close before, and what the books say of the time since."""
    bars = _bars(run, _copy(run, run.business_date))
    earlier = bars.filter(pc.less(bars["business_date"], pa.scalar(run.business_date)))
    previous = pc.max(earlier["business_date"]).as_py()
    return {
        "scenarios": Scenarios().document(),
        "books": books.read(run.settings.postgres, previous, run.business_date),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """Both tables of the date; the whole of its partitions is replaced."""
    tried, told = scenarios(parameters["scenarios"]), booked(parameters["books"])
    after = _copy(run, run.business_date)
    before = {} if told.previous is None else _copy(run, told.previous)
    market = _market(run, (before, after), told)
    held = valued(after.values(), market.worth)
    stressed = stress_rows(held, series_of(_returns(run, held, tried)), tried)
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


def _returns(run: Run, held: Held, tried: Scenarios) -> pa.Table:
    gap = timedelta(days=MAX_GAP_DAYS)
    spans = [(window.first - gap, window.last) for window in tried.windows]
    spans.append(transforms.days_back(run.business_date, tried.window_days))
    return transforms.returns(run.read(RETURNS_DAILY), held.symbols, spans, run.business_date).toArrow()


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
