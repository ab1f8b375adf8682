"""An embedded stack of a test run's own, in a temporary home, and gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.local import stack as local_stack, status as local_status
from lakehouse.local.progress import Progress
from lakehouse.settings import Settings, load
from tests.factories import real_engines

HOME_PREFIX = "tidemark-tests-"


@contextmanager
def empty_home() -> Iterator[Path]:
    """A new `$TIDEMARK_HOME`, so that commands and child processes find it too; what was started in it is stopped."""
    home = Path(tempfile.mkdtemp(prefix=HOME_PREFIX))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        try:
            yield home
        finally:
            local_stack.down(SystemClock())
            shutil.rmtree(home)


@contextmanager
def own_stack(names: Iterable[str]) -> Iterator[Settings]:
    """Settings of a stack in which the processes `names` are ready; `$TIDEMARK_HOME` points to it.

    Spark does not compile the queries of its sessions: tests have few rows. The demo's are, and test_transforms.py has
    it do both.
    """
    wanted = tuple(names)
    with empty_home(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_SPARK__CODEGEN", "false")
        _up(wanted)
        record(wanted, "started for this run")
        yield load()


def is_ready(names: Iterable[str]) -> bool:
    """Whether these processes run in the home that the environment names."""
    found = local_status.read(load(), local_stack.existing())
    return set(names) <= {process.name for process in found.processes if process.ready}


def record(names: Iterable[str] | None, how: str) -> None:
    """Note for the run's summary that these processes of the home, or all of them, were real."""
    found = local_status.read(load(), local_stack.existing())
    wanted = {process.name for process in found.processes} if names is None else set(names)
    for process in found.processes:
        if process.name in wanted:
            real_engines.record(process.name, f"{how}, {process.url}".rstrip(", "))


def _up(names: tuple[str, ...]) -> None:
    clock = SystemClock()
    try:
        with Progress(Console(stderr=True), clock) as progress:
            local_stack.up(names, progress, clock)
    except TidemarkError as error:
        pytest.fail(f"the stack does not come up: {error}", pytrace=False)
