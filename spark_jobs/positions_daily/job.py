"""Copy what PostgreSQL says of holdings, so that a risk run can be repeated: every portfolio's positions once a
business date, and the exchange rates that foreign ones are worth.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, functions as F

from lakehouse.contracts.jobs import POSITIONS_DAILY
from lakehouse.contracts.tables.silver import FX_RATES, POSITIONS
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.positions_daily import snapshot, transforms

KEPT = "kept"
"""The parameter that tells which run's copy of the date is published again, with its rows; null for a new copy."""
DIGESTS, YEARS = "rate_digests", "rate_years"
"""The parameters that tell what each year's exchange rates are, and which years are copied: those that have changed."""


def plan(run: Run) -> dict[str, Any]:
    """Which copy of the business date there is already, and which years' rates have changed since the last run. A copy
    without a row is none, and a rebuild wants a new one."""
    found = None if run.rebuild else run.status(POSITIONS).get(run.business_date.isoformat())
    now = snapshot.rate_digests(run.settings.postgres)
    before = run.previous.parameters.get(DIGESTS, {}) if run.previous else {}
    changed = {int(year) for year in {*now, *before} if now.get(year) != before.get(year)}
    return {
        KEPT: {"run_id": found.run_id, "rows": found.rows} if found and found.rows else None,
        DIGESTS: now,
        YEARS: sorted({*changed, run.business_date.year}),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The holdings published for the business date, as they are: what was held then must not become what is held now.
    Where there are none yet, the holdings of this moment. Exchange rates are those of this moment: each has its day."""
    if kept := parameters[KEPT]:
        frame = run.read(POSITIONS).where(F.col("business_date") == F.lit(run.business_date))
        return _computed(run, parameters, frame, kept["rows"])
    held = snapshot.positions(run.settings.postgres)
    frame = transforms.as_of(from_arrow(run.session, held), run.business_date)
    return _computed(run, parameters, frame, held.num_rows)


def _computed(run: Run, parameters: Mapping[str, Any], frame: DataFrame, rows: int) -> Computed:
    copied = snapshot.rates(run.settings.postgres, parameters[YEARS])
    rates = Output(
        FX_RATES,
        from_arrow(run.session, copied),
        partitions(FX_RATES, tuple(parameters[YEARS])),
        minimum=copied.num_rows,
        maximum=copied.num_rows,
    )
    scope = partitions(POSITIONS, (run.business_date,))
    return Computed((Output(POSITIONS, frame, scope, minimum=rows, maximum=rows), rates))


JOB = Batch(
    POSITIONS_DAILY,
    plan,
    compute,
    irreproducible="PostgreSQL keeps no versions of positions; the copy that it published is pinned by what reads it",
)
