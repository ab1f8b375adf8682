"""A lake that the feed's tests may fill: never the one that somebody works with."""

from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings
from tests.factories.own_stack import HOME_PREFIX, own_stack

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
    with own_stack(ENGINES) as settings:
        yield settings
