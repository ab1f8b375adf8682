"""States are kept by a thread: where it has ended, so does the process."""

import pytest
from pydantic import SecretStr

from lakehouse.clock import ManualClock
from lakehouse.settings import PostgresSettings
from lakehouse.stores.hot import Shard
from streaming.hot.changes import CASH, Sight
from streaming.hot.checkpoints import Checkpoints, CheckpointsEnded
from streaming.hot.journal import Standing
from streaming.hot.metrics import HotMetrics
from streaming.hot.processor import State


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_state_that_cannot_be_packed_ends_the_process() -> None:
    section = PostgresSettings(password=SecretStr("none"))
    checkpoints = Checkpoints(section, keep_days=7, clock=ManualClock(), metrics=HotMetrics())
    assert checkpoints.is_due(1)

    checkpoints.keep(Shard("0/1", 1), 1, Standing(State(Sight({CASH: {"one": object()}})), (0,)))
    checkpoints.close()

    with pytest.raises(CheckpointsEnded):
        checkpoints.is_due(1)
