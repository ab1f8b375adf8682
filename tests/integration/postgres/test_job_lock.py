"""The locks that keep two runs of a job apart, on a real PostgreSQL."""

import psycopg
import pytest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from spark_jobs.kit.lock import LockTakenError, held

pytestmark = pytest.mark.integration


def session(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    connection = postgres.connect(settings.postgres)
    connection.autocommit = True
    return connection


def test_a_second_holder_waits_and_then_is_told(empty: Settings) -> None:
    with session(empty) as first, session(empty) as second, held(first, "job a", clock=ManualClock()):
        clock = ManualClock()
        with (
            pytest.raises(LockTakenError, match="'job a' stayed taken for 5 s"),
            held(second, "job a", clock=clock, timeout_s=5.0),
        ):
            pass
        assert clock.elapsed_s >= 5.0
        with held(second, "job b", clock=clock):
            pass


def test_it_is_free_after_the_block_and_after_its_holder_s_connection_is_gone(empty: Settings) -> None:
    with session(empty) as second:
        with session(empty) as first, held(first, "job a", clock=ManualClock()):
            pass
        with held(second, "job a", clock=ManualClock()):
            pass
        lost = session(empty)
        with held(lost, "job a", clock=ManualClock()):
            lost.close()
            # The server lets go when it has noticed, so this one waits for real.
            with held(second, "job a", clock=SystemClock(), timeout_s=120.0):
                pass
