"""The thread that keeps the model fresh beside signals: where it fails the process ends, to be started anew."""

from pathlib import Path
from threading import Event, Thread

import pytest

from lakehouse.settings import Settings
from ml.checks.champion import Champion
from streaming.signals.main import _keep_fresh


class Broken(Champion):
    """Fails as nobody has foreseen."""

    def refresh(self) -> None:
        raise ArithmeticError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_that_nobody_foresaw_ends_the_process(tmp_path: Path) -> None:
    stop = Event()
    thread = Thread(target=_keep_fresh, args=(Broken(Settings().mlflow, tmp_path, "none", ()), stop))
    thread.start()
    thread.join()
    assert stop.is_set()
