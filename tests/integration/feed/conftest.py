"""A lake that the feed's tests may fill: never the one that somebody works with."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.local import stack as local_stack
from lakehouse.local.progress import Progress
from lakehouse.settings import Settings, load

HOME_PREFIX = "tidemark-tests-"
ENGINES = ("kafka", "s3", "postgres", "landing")


@pytest.fixture(scope="module")
def lake(stack: Settings) -> Iterator[Settings]:
    """A stack of this test run's own with a lander, as `$TIDEMARK_HOME`.

    Whatever crosses the contract's topics lands: on a stack that was running before the tests, their prices would
    stay in its lake and reach its portfolios. A second stack is started beside such a one.
    """
    if stack.home.name.startswith(HOME_PREFIX):
        yield stack
        return
    home, clock = Path(tempfile.mkdtemp(prefix=HOME_PREFIX)), SystemClock()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        try:
            with Progress(Console(stderr=True), clock) as progress:
                local_stack.up(ENGINES, progress, clock)
            yield load()
        finally:
            local_stack.down(clock)
            shutil.rmtree(home)
