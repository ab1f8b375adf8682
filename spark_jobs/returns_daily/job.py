"""Close-to-close returns of every year whose bars or corporate actions have changed, and of the year after each."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F

from lakehouse.contracts.jobs import RETURNS_DAILY as SPEC
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS
from spark_jobs.kit.changed import SEEN, changed_partitions
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.run import Run
from spark_jobs.returns_daily import actions, transforms

ACTIONS = "actions"
"""The parameter in which a run keeps the corporate actions that it adjusted for."""


def plan(run: Run) -> dict[str, Any]:
    """The years to compute, and the corporate actions that hold. The first return of a year depends on the last bar of
    the year before, and on no earlier one: an instrument without a bar for a whole calendar year begins anew."""
    found = changed_partitions(run, DAILY_BARS)
    changed = {int(value) for value in found.since}
    after = {year + 1 for year in changed} & {int(value) for value in found.known}
    known = {int(value) for value in found.known}
    acted = actions.active(run.settings.postgres)
    touched = actions.touched_years(run.previous.parameters.get(ACTIONS, []) if run.previous else [], acted) & known
    years = sorted({*changed, *after, *touched, run.business_date.year})
    return {"years": years, SEEN: found.seen, ACTIONS: acted}


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The returns of those years."""
    years = tuple(parameters["years"])
    needed = sorted({*years, *(year - 1 for year in years)})
    bars = run.read(DAILY_BARS).where(F.col("business_year").isin(*needed))
    found = (
        transforms.returns(bars, parameters.get(ACTIONS, []))
        .where(F.col("business_year").isin(*years))
        .repartition("business_year")
    )
    return Computed((Output(RETURNS_DAILY, found, partitions(RETURNS_DAILY, years)),))


JOB = Batch(SPEC, plan, compute)
