"""A job's session on the Spark Connect server: its own, tagged with the run id, and interrupted when the job is."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import grpc
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client.retries import DefaultPolicy

from lakehouse.settings import SparkSettings
from lakehouse.stores import spark
from spark_jobs.kit.errors import UnavailableError

PROBE_S = 10.0
RETRIES = 6
"""Each waits four times as long as the one before: about a minute, in which a restarted server is back."""


class SparkUnavailableError(UnavailableError):
    """The Spark Connect server did not answer. Carries its address."""

    def __init__(self, remote: str, reason: str) -> None:
        self.remote = remote
        super().__init__(f"no Spark Connect server at {remote}: {reason}; `tidemark status` shows whether it runs")


@contextmanager
def opened(section: SparkSettings, run_id: str) -> Iterator[SparkSession]:
    """A session for the block. Leaving the block by an exception, a signal's included, interrupts whatever the session
    still runs on the server. Raises SparkUnavailableError."""
    session = _connected(section)
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
    session.addTag(run_id)
    try:
        yield session
    except SparkConnectGrpcException as error:
        if error.getGrpcStatusCode() is grpc.StatusCode.UNAVAILABLE:
            raise SparkUnavailableError(section.remote, str(error)[:200]) from error
        session.interruptAll()
        raise
    except BaseException:
        session.interruptAll()
        raise
    finally:
        session.stop()


def _connected(section: SparkSettings) -> SparkSession:
    # PySpark's client would try for ten minutes where nobody listens.
    address = urlsplit(section.remote)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=PROBE_S).close()
        return spark.connect(section)
    except (OSError, PySparkException) as error:
        raise SparkUnavailableError(section.remote, str(error)[:200]) from error
