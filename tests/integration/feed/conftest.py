"""A lander for the feed's tests: the stack's own, or one that is started for them."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings


@pytest.fixture(scope="session")
def landing(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a stack on which `streaming.landing` runs."""
    if _listens(stack.landing.metrics_port):
        yield stack
        return
    with (tmp_path_factory.mktemp("landing") / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "streaming.landing"], stdout=log, stderr=log)
        yield stack
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def home(landing: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same stack, as the commands find it: by TIDEMARK_HOME."""
    monkeypatch.setenv("TIDEMARK_HOME", str(landing.home))
    return landing


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
