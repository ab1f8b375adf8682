"""The embedded stack for tests: the one that runs, or one that is started for this run and gone afterwards."""

from collections.abc import Iterator
from typing import Protocol

import hypothesis
import pytest
import structlog
from hypothesis.internal.conjecture import providers

from lakehouse.settings import Settings, load
from tests.factories import real_engines
from tests.factories.own_stack import is_ready, own_stack, record

# What a test that asks for `stack` may count on; `@pytest.mark.engines("redis", "s3")` asks for less or for more.
DEFAULT_ENGINES = ("kafka", "s3", "postgres", "redis", "clickhouse")
WANTED = pytest.StashKey[tuple[str, ...]]()
# The longest files, to begin with: where files are given to several processes, none is waited for at the end.
LONGEST = ("test_demo.py", "test_schema_conformance.py", "test_publish.py", "test_var_batch.py")
NOTED = "real_engines"
ALONE = "master"
"""pytest-xdist's `worker_id` where one process runs all tests."""

# An ordinary run tries the same examples each time, however long each takes: it fails by a change of code alone.
# `--hypothesis-profile explore` searches with fresh randomness. Neither fails because a machine is slow.
_SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, suppress_health_check=_SLOW)
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=_SLOW)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=("auto", "own"),
        default="auto",
        help="auto: use the running stack where it is ready; own: start one in a temporary home in any case",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        default=0,
        metavar="EXAMPLES",
        help="let Schemathesis try so many examples of each operation, with every check; an ordinary run tries a few",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=4,
        metavar="COUNT",
        help="how often the test of the hot process's exactness kills it or one of its engines, in turn",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep numbers and texts of our sources out of the examples of an ordinary run.

    Hypothesis takes some from whatever is imported, unless the path looks like a test's: one file would be tried with
    others than the whole suite, and each checkout and change of code with others again.
    """
    if config.getoption("--hypothesis-profile", None) is None:
        vars(providers)["is_local_module_file"] = lambda _path: False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first, and remember the processes that the selected tests need: no others are started."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    users = [item for item in items if "stack" in getattr(item, "fixturenames", ()) and not _brings_its_own(item)]
    config.stash[WANTED] = tuple(sorted({name for item in users for name in _needs(item)}))


class Worker(Protocol):
    """One of several pytest processes, as the one that prints sees it once it has ended."""

    workeroutput: dict[str, dict[str, str]]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Take over which engines were real in one of several processes."""
    for name, where in getattr(node, "workeroutput", {}).get(NOTED, {}).items():
        real_engines.record(name, where)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints which engines were real in this one."""
    if told := getattr(session.config, "workeroutput", None):
        told[NOTED] = real_engines.used()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which engines were real in this run."""
    terminalreporter.section("real engines")
    for name, where in sorted(real_engines.used().items()):
        terminalreporter.write_line(f"{name:<20} {where}")
    if not real_engines.used():
        terminalreporter.write_line("none was needed")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A `main()` that a test calls points the log at that test's own stderr, which is closed when the next one runs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, worker_id: str) -> Iterator[Settings]:
    """Settings of a stack in which every process that the selected tests need is ready.

    `$TIDEMARK_HOME` points to it for the whole run, so that commands and child processes find it too. Where files are
    given to several pytest processes, each has a stack of its own.
    """
    names = request.config.stash[WANTED]
    if worker_id == ALONE and request.config.getoption("--stack") == "auto" and is_ready(names):
        record(names, "of the running stack")
        yield load()
        return
    with own_stack(names) as settings:
        yield settings


def _brings_its_own(item: pytest.Item) -> bool:
    return item.get_closest_marker("e2e") is not None


def _needs(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("engines")
    asked = tuple(str(name) for name in marker.args) if marker else DEFAULT_ENGINES
    return (*asked, "spark") if item.get_closest_marker("spark") else asked
