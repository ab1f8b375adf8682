"""Copy every portfolio's positions from PostgreSQL once a business date, so that a risk run can be repeated."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.contracts.jobs import POSITIONS_DAILY
from lakehouse.contracts.tables.silver import POSITIONS
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.positions_daily import snapshot, transforms

KEPT = "kept"
"""The parameter that tells which run's copy of the date is published again, with its rows; null for a new copy."""


def plan(run: Run) -> dict[str, Any]:
    """Which copy of the business date there is already. One without a row is none, and a rebuild wants a new one."""
    found = None if run.rebuild else run.status(POSITIONS).get(run.business_date.isoformat())
    return {KEPT: {"run_id": found.run_id, "rows": found.rows} if found and found.rows else None}


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The holdings published for the business date, as they are: what was held then must not become what is held now.
    Where there are none yet, the holdings of this moment."""
    if kept := parameters[KEPT]:
        frame = run.read(POSITIONS).where(F.col("business_date") == F.lit(run.business_date))
        return _computed(run, frame, kept["rows"])
    held = snapshot.positions(run.settings.postgres)
    return _computed(run, transforms.as_of(from_arrow(run.session, held), run.business_date), held.num_rows)


def _computed(run: Run, frame: DataFrame, rows: int) -> Computed:
    scope = partitions(POSITIONS, (run.business_date,))
    return Computed((Output(POSITIONS, frame, scope, minimum=rows, maximum=rows),))


JOB = Batch(
    POSITIONS_DAILY,
    plan,
    compute,
    irreproducible="PostgreSQL keeps no versions of positions; the copy that it published is pinned by what reads it",
)
