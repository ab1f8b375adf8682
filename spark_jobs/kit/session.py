"""A job's session on the Spark Connect server: its own, tagged with the run id, and interrupted when the job is."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse.settings import SparkSettings
from lakehouse.stores import spark
from spark_jobs.kit.errors import UnavailableError


class SparkUnavailableError(UnavailableError):
    """The Spark Connect server did not answer. Carries its address."""

    def __init__(self, remote: str, reason: str) -> None:
        self.remote = remote
        super().__init__(f"no Spark Connect server at {remote}: {reason}; `tidemark status` shows whether it runs")


@contextmanager
def opened(section: SparkSettings, run_id: str) -> Iterator[SparkSession]:
    """A session for the block. Leaving the block by an exception, a signal's included, interrupts whatever the session
    still runs on the server. Raises SparkUnavailableError."""
    try:
        session = spark.connect(section)
    except PySparkException as error:
        raise SparkUnavailableError(section.remote, str(error)[:200]) from error
    session.addTag(run_id)
    try:
        yield session
    except BaseException:
        session.interruptAll()
        raise
    finally:
        session.stop()
