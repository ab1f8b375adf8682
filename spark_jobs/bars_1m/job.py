"""One-minute bars of the business date, and of every date whose ticks have changed since the last run."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from lakehouse.contracts.jobs import BARS_1M as SPEC
from lakehouse.contracts.tables.gold import BARS_1M
from lakehouse.contracts.tables.silver import TICKS
from spark_jobs.bars_1m import transforms
from spark_jobs.kit.changed import SEEN, changed_partitions
from spark_jobs.kit.model import Batch, Computed, Output, literal, partitions
from spark_jobs.kit.run import Run


def plan(run: Run) -> dict[str, Any]:
    """The dates to compute."""
    changed = changed_partitions(run, TICKS)
    return {"dates": sorted({*changed.since, run.business_date.isoformat()}), SEEN: changed.seen}


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The bars of those dates."""
    dates = tuple(date.fromisoformat(text) for text in parameters["dates"])
    ticks = run.read(TICKS).where(f"event_date IN ({', '.join(literal(day) for day in dates)})")
    return Computed((Output(BARS_1M, transforms.bars(ticks), partitions(BARS_1M, dates)),))


JOB = Batch(SPEC, plan, compute)
