"""The way out of one machine: the Connect server on a standalone cluster gives the bytes that one process gives."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.local import stack as local_stack
from lakehouse.local.progress import Progress
from lakehouse.risk.cube import Groups
from lakehouse.settings import load
from lakehouse.stores import spark as store
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.simulation import forecast
from tests.factories.market import random_book
from tests.factories.spark_cluster import START_TIMEOUT_S, spark_cluster

CLOCK = SystemClock()
CHOSEN = Parameters(window_days=60, backtest_days=24, scenarios=2_000, block_rows=512)


@pytest.fixture
def on_cluster() -> Iterator[SparkSession]:
    """A session on a Connect server of its own, whose executors are two workers of a standalone cluster."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-cluster-stack-"))
    with spark_cluster(2) as master, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_SPARK__MASTER", master)
        environment.setenv("TIDEMARK_SPARK__DRIVER_MEMORY", "1g")
        try:
            with Progress(Console(stderr=True), CLOCK) as progress:
                local_stack.up(("spark",), progress, CLOCK, home=home)
            session = store.connect(load(home).spark)
            yield session
            session.stop()
        finally:
            local_stack.down(CLOCK, home=home)
            shutil.rmtree(home)


def test_a_cluster_of_two_workers_gives_the_same_bytes_as_this_process(on_cluster: SparkSession) -> None:
    book = random_book(returns=84)
    groups = Groups(("even", "odd"), np.arange(len(book.symbols)) % 2)
    deadline = CLOCK.monotonic() + START_TIMEOUT_S
    while _executors(on_cluster) != 2:  # they start when there is work, one maybe later than the other
        assert CLOCK.monotonic() < deadline, "the work must run on both workers"
    inline = forecast(None, book, CHOSEN, groups=groups)
    spread = forecast(on_cluster, book, CHOSEN, groups=groups, partitions=8)
    for level in CHOSEN.levels:
        for name in ("var", "es", "component_var", "component_es"):
            assert getattr(spread[level], name).tobytes() == getattr(inline[level], name).tobytes()


def _executors(session: SparkSession) -> int:
    """How many executors take part in work of eight pieces."""

    def where(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:  # nested, so that it travels by value
        for _ in batches:
            time.sleep(0.5)  # long enough that one executor does not take all pieces before the other has a worker
            yield pa.record_batch([pa.array([psutil.Process().parents()[1].pid])], names=["jvm"])

    return session.range(8).repartition(8).mapInArrow(where, "jvm long").distinct().count()
