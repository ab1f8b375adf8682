"""Compact silver and gold and drop files past their retention, with Spark, their only writer."""

from dataclasses import replace

from lakehouse.contracts.model import Engine, Store, Table
from lakehouse.contracts.tables import tables_in
from lakehouse.stores import spark
from spark_jobs.kit import life, lock
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import Manifest, State
from spark_jobs.kit.reproduce import sweep
from spark_jobs.kit.run import Steps
from spark_jobs.kit.session import opened

SWEPT = "staged objects of killed recomputations"
LISTING_TASKS = "spark.sql.sources.parallelPartitionDiscovery.parallelism"


def optimize_lake(session: life.Session, steps: Steps) -> Manifest:
    """OPTIMIZE and VACUUM every table of Spark's that exists and needs it, one at a time under its lock. Content and
    pinned versions within retention stay as they are; a table that needs neither gets no new version, and costs a look
    at its log and its files' names instead of two statements of some seconds. A retention that its contract has changed
    is written to the table first. What killed recomputations of earlier days left in staging goes too."""
    counts = {SWEPT: sweep(session.settings.s3, session.clock.now())}
    with opened(session.settings.spark, session.manifest.run_id) as connected:
        # VACUUM lists files in as many tasks as this, 10,000 by default, however small the table is.
        connected.conf.set(LISTING_TASKS, str(session.settings.spark.shuffle_partitions))
        lake = Lake(connected, session.settings.s3)
        for table in tables_in(Store.DELTA):
            if table.writer is not Engine.SPARK or not lake.exists(table):
                continue
            with (
                steps.timed(table.name),
                lock.held(session.connection, f"table {table.name}", clock=session.clock),
            ):
                counts[table.name] = _maintained(lake, table)
    return replace(session.manifest, state=State.PUBLISHED, counts=counts, timings_s=steps.seconds)


def _maintained(lake: Lake, table: Table) -> int:
    """How many files were put together with others."""
    address = spark.uri(lake.section, table)
    # Before VACUUM, which goes by what the table says and not by its contract.
    lake.keep_retention(table)
    compacted = lake.session.sql(f"OPTIMIZE delta.`{address}`").collect() if lake.is_crowded(table) else []
    if lake.has_leftovers(table):
        lake.session.sql(f"VACUUM delta.`{address}`").collect()
    return sum(int(row["metrics"]["numFilesRemoved"]) for row in compacted)
