"""PostgreSQL below a folder of root where user namespaces are off: started as another user by one capability."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.local import launch, stack, supervisor
from lakehouse.local.home import Home
from lakehouse.local.progress import Progress

pytestmark = pytest.mark.integration


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user")
def test_postgres_runs_as_user_postgres_in_a_closed_home(monkeypatch: pytest.MonkeyPatch) -> None:
    if "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("there is no user postgres on this machine")
    closed = Path(tempfile.mkdtemp(prefix="tidemark-closed-"))
    monkeypatch.setenv("TIDEMARK_HOME", str(closed / "home"))
    monkeypatch.setattr(launch, "_namespace", lambda: ())
    clock = SystemClock()

    try:
        with Progress(Console(stderr=True), clock) as progress:
            stack.up(("postgres",), progress, clock)
        pid = supervisor.states(Home(closed / "home"))["postgres"].pid
        assert psutil.Process(pid).username() == "postgres"
    finally:
        stack.down(clock)
        shutil.rmtree(closed)
