"""Which partitions of an input have been published since a job last looked."""

from dataclasses import dataclass

from lakehouse.contracts.model import Table
from spark_jobs.kit.run import Run

SEEN = "seen_version"
"""The parameter in which a job keeps how far it has looked."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Partitions as text: those published since the last run, all that there are, and how far this look reached."""

    since: tuple[str, ...]
    known: tuple[str, ...]
    seen: int


def changed_partitions(run: Run, table: Table) -> Changed:
    """What is new in `table`, by ops.asset_status, since the job's last published run; everything for its first run.

    The version to read is pinned after that look: it holds all that was seen, and what is published in between counts
    as new the next time, though it may have been read already. Raises InputWentBackError.
    """
    versions = {value: found.version for value, found in run.status(table).items()}
    pinned = run.pinned(table)
    before = run.previous.parameters.get(SEEN, -1) if run.previous else -1
    since = tuple(sorted(value for value, version in versions.items() if version > before))
    # After a restored table was accepted, the status still has its versions from before; the next one is lower.
    seen = min(max(versions.values(), default=before), pinned)
    return Changed(since, tuple(sorted(versions)), seen)
