"""One run of a job as the job sees it: its request, its pinned inputs, and the run that it continues."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from lakehouse.clock import Clock
from lakehouse.contracts.model import Table
from lakehouse.settings import Settings
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.onward import require_onward
from spark_jobs.kit.runs import PartitionStatus

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

OnStep = Callable[[str], None]


def quiet(_: str) -> None:
    """An OnStep that says nothing."""


@dataclass(slots=True)
class Steps:
    """Seconds spent in each step; `on_step` hears of each one as it begins."""

    clock: Clock
    on_step: OnStep = quiet
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time the block under `name`."""
        self.on_step(name)
        began = self.clock.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + self.clock.monotonic() - began, 3)


@dataclass(slots=True)
class Run:
    """What `plan` and `compute` of a job are handed.

    Every table read is pinned at first sight to its newest version, or to the version that `original` read where
    that run is recomputed. `previous` is the run that this job published last; `status` tells which Delta version
    published each partition of a table. With `rebuild` no earlier run counts: there is no `previous`.
    """

    run_id: str
    job: str
    business_date: date
    settings: Settings
    lake: Lake
    status: Callable[[Table], dict[str, PartitionStatus]]
    previous: Manifest | None = None
    original: Manifest | None = None
    rebuild: bool = False
    inputs: dict[str, int] = field(default_factory=dict)
    input_ids: dict[str, str] = field(default_factory=dict)

    @property
    def session(self) -> "SparkSession":
        """The run's session on the Spark Connect server."""
        return self.lake.session

    def read(self, table: Table) -> "DataFrame":
        """`table` at the run's version of it. Raises MissingTableError, InputWentBackError."""
        return self.lake.at(table, self.pinned(table))

    def pinned(self, table: Table) -> int:
        """The version of `table` that this run reads. Raises MissingTableError; InputWentBackError where the previous
        run read a higher version, or another table in this one's place."""
        if table.name not in self.inputs:
            self.inputs[table.name] = self.original.inputs[table.name] if self.original else self._newest(table)
        return self.inputs[table.name]

    def _newest(self, table: Table) -> int:
        newest = self.lake.newest(table)
        if self.previous:
            require_onward(table.name, self.previous, newest)
        self.input_ids[table.name] = newest.table_id
        return newest.version
