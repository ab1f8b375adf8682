"""Compact silver and gold and drop files past their retention, with Spark, their only writer."""

from dataclasses import replace

from pyspark.sql import Row

from lakehouse.contracts.model import Engine, Store
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
    """OPTIMIZE and VACUUM every table of Spark's that exists, one at a time under its lock. Content and pinned
    versions within retention stay as they are; a table without small files gets no new version. A retention that its
    contract has changed is written to the table first. What killed recomputations of earlier days left in staging goes
    too."""
    counts = {SWEPT: sweep(session.settings.s3, session.clock.now())}
    with opened(session.settings.spark, session.manifest.run_id) as connected:
        # VACUUM lists files in as many tasks as this, 10,000 by default, however small the table is.
        connected.conf.set(LISTING_TASKS, str(session.settings.spark.shuffle_partitions))
        lake = Lake(connected, session.settings.s3)
        for table in tables_in(Store.DELTA):
            if table.writer is not Engine.SPARK or not lake.exists(table):
                continue
            address = spark.uri(session.settings.s3, table)
            with (
                steps.timed(table.name),
                lock.held(session.connection, f"table {table.name}", clock=session.clock),
            ):
                # Before VACUUM, which goes by what the table says and not by its contract.
                lake.keep_retention(table)
                compacted = connected.sql(f"OPTIMIZE delta.`{address}`").collect()
                connected.sql(f"VACUUM delta.`{address}`").collect()
            counts[table.name] = _files_removed(compacted)
    return replace(session.manifest, state=State.PUBLISHED, counts=counts, timings_s=steps.seconds)


def _files_removed(compacted: list[Row]) -> int:
    return sum(int(row["metrics"]["numFilesRemoved"]) for row in compacted)
