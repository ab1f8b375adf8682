"""Inputs only grow: a table that a job has read further than it now reaches was restored, moved away or made anew."""

from spark_jobs.kit.errors import DataError
from spark_jobs.kit.lake import Newest
from spark_jobs.kit.manifest import Manifest

REMEDY = (
    "rows that were computed from may be gone from it, and a recompute would drop them without a word. Restore the "
    "table; or bring back into it what is missing, then accept it as it is by `tidemark run {job} --business-date "
    "YYYY-MM-DD --rebuild`, which computes again all that it holds"
)


class InputWentBackError(DataError):
    """An input holds less than this job has read from it already. Carries the table's name."""

    def __init__(self, table: str, job: str, difference: str) -> None:
        self.table = table
        super().__init__(f"{table} has gone backwards: {difference}; {REMEDY.format(job=job)}")


def require_onward(table: str, previous: Manifest, newest: Newest) -> None:
    """Raises InputWentBackError where `previous` read a higher version of `table`, or another table in its place."""
    read, known = previous.inputs.get(table, -1), previous.input_ids.get(table, newest.table_id)
    if read > newest.version or known != newest.table_id:
        anew = "" if known == newest.table_id else ", and it was created anew since"
        raise InputWentBackError(
            table,
            previous.job,
            f"run {previous.run_id} read version {read}, its newest version is {newest.version}{anew}",
        )
