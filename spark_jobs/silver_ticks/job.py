"""silver(event date) = a pure function of bronze at a pinned version, for every date for which ticks have landed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from lakehouse.contracts.jobs import SILVER_TICKS
from lakehouse.contracts.tables.bronze import MARKET_TICKS
from lakehouse.contracts.tables.silver import REJECTED_ROWS, TICKS
from spark_jobs.kit.judged import rejected_scope
from spark_jobs.kit.landed import DUPLICATES, READ_TO, landed, reconciled
from spark_jobs.kit.model import Audits, Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.silver_ticks import transforms


def plan(run: Run) -> dict[str, Any]:
    """The affected dates: those of ticks landed since the last published run, and the business date."""
    bronze = run.read(MARKET_TICKS)
    found = landed(run, MARKET_TICKS, transforms.event_date())
    dates = tuple(sorted({*found.affected, run.business_date}))
    return {
        "dates": [day.isoformat() for day in dates],
        READ_TO: found.watermark.document(),
        "bronze_rows": bronze.where(transforms.in_dates(dates)).count(),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """Silver ticks and rejected rows of the affected dates."""
    dates = tuple(date.fromisoformat(text) for text in parameters["dates"])
    bronze = run.read(MARKET_TICKS).where(transforms.in_dates(dates))
    rows = transforms.judged(bronze)

    def reconcile(audits: Audits) -> dict[str, int]:
        return reconciled(parameters["bronze_rows"], audits[TICKS.name], audits[REJECTED_ROWS.name])

    return Computed(
        (
            Output(TICKS, transforms.kept(rows), partitions(TICKS, dates), extras=DUPLICATES),
            Output(REJECTED_ROWS, transforms.rejected(rows, run.job), rejected_scope(run.job, "event_date", dates)),
        ),
        reconcile,
    )


JOB = Batch(SILVER_TICKS, plan, compute)
