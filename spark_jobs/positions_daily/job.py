"""Copy every portfolio's positions from PostgreSQL, so that a risk run can be repeated."""

from collections.abc import Mapping
from typing import Any

from lakehouse.contracts.jobs import POSITIONS_DAILY
from lakehouse.contracts.tables.silver import POSITIONS
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.positions_daily import snapshot, transforms


def plan(_: Run) -> dict[str, Any]:
    """Nothing to decide on."""
    return {}


def compute(run: Run, _: Mapping[str, Any]) -> Computed:
    """The holdings of this moment, as those at the close of the business date."""
    held = snapshot.positions(run.settings.postgres)
    frame = transforms.as_of(from_arrow(run.session, held), run.business_date)
    scope = partitions(POSITIONS, (run.business_date,))
    return Computed((Output(POSITIONS, frame, scope, minimum=held.num_rows, maximum=held.num_rows),))


JOB = Batch(
    POSITIONS_DAILY,
    plan,
    compute,
    irreproducible="PostgreSQL keeps no versions of positions; the copy that it published is pinned by what reads it",
)
