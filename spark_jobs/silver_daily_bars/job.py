"""silver(year) = a pure function of bronze at a pinned version, for every year in which bars have landed."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, functions as F

from lakehouse.contracts.jobs import SILVER_DAILY_BARS
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS, REJECTED_ROWS
from spark_jobs.kit.errors import NothingToDo
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.judged import rejected_scope
from spark_jobs.kit.landed import DUPLICATES, READ_TO, landed, reconciled
from spark_jobs.kit.model import Audits, Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.kit.sessions import is_session, sessions
from spark_jobs.silver_daily_bars import transforms


def plan(run: Run) -> dict[str, Any]:
    """The affected years: those of bars landed since the last published run, and the year of the business date."""
    calendar = run.settings.market.calendar
    if not is_session(run.business_date, calendar):
        raise NothingToDo(f"{run.business_date} is no session of {calendar}: there are no bars to expect")
    bronze = run.read(MARKET_BARS_DAILY)
    found = landed(run, MARKET_BARS_DAILY, F.year("business_date"))
    years = tuple(sorted({*found.affected, run.business_date.year}))
    return {
        "calendar": calendar,
        "years": list(years),
        READ_TO: found.watermark.document(),
        "bronze_rows": bronze.where(transforms.in_years(years)).count(),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """Silver bars and rejected rows of the affected years."""
    years = tuple(parameters["years"])
    bronze = run.read(MARKET_BARS_DAILY).where(transforms.in_years(years))
    rows = transforms.judged(bronze, trading_days(run, years, parameters["calendar"]))

    def reconcile(audits: Audits) -> dict[str, int]:
        return reconciled(parameters["bronze_rows"], audits[DAILY_BARS.name], audits[REJECTED_ROWS.name])

    return Computed(
        (
            Output(DAILY_BARS, transforms.kept(rows), partitions(DAILY_BARS, years), extras=DUPLICATES),
            Output(
                REJECTED_ROWS, transforms.rejected(rows, run.job), rejected_scope(run.job, "year(event_date)", years)
            ),
        ),
        reconcile,
    )


def trading_days(run: Run, years: tuple[int, ...], calendar: str) -> DataFrame:
    """The calendar's sessions from the first of `years` to the last, as a frame."""
    days = pa.array(sessions(years[0], years[-1], calendar))
    return from_arrow(run.session, pa.table({transforms.SESSION: days}))


JOB = Batch(SILVER_DAILY_BARS, plan, compute)
