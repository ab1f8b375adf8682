"""The embedded stack for tests: the one that runs, or one that is started for this run and gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from hypothesis.internal.conjecture import providers
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.local import stack as local_stack, status as local_status
from lakehouse.local.progress import Progress
from lakehouse.settings import Settings, load
from tests.factories import real_engines

# What a test that asks for `stack` may count on; `@pytest.mark.engines("redis", "s3")` asks for less or for more.
DEFAULT_ENGINES = ("kafka", "s3", "postgres", "redis", "clickhouse")
WANTED = pytest.StashKey[tuple[str, ...]]()

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
    """Remember the processes that the selected tests need, so that no others are started."""
    users = [item for item in items if "stack" in getattr(item, "fixturenames", ())]
    config.stash[WANTED] = tuple(sorted({name for item in users for name in _needs(item)}))


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
def stack(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a stack in which every process that the selected tests need is ready.

    `$TIDEMARK_HOME` points to it for the whole run, so that commands and child processes find it too.
    """
    names = request.config.stash[WANTED]
    if request.config.getoption("--stack") == "auto" and _is_ready(names):
        _record(names, "of the running stack")
        yield load()
        return
    home = Path(tempfile.mkdtemp(prefix="tidemark-tests-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIDEMARK_HOME", str(home))
        try:
            _up(names)
            _record(names, "started for this run")
            yield load()
        finally:
            local_stack.down(SystemClock())
            shutil.rmtree(home)


def _needs(item: pytest.Item) -> tuple[str, ...]:
    marker = item.get_closest_marker("engines")
    asked = tuple(str(name) for name in marker.args) if marker else DEFAULT_ENGINES
    return (*asked, "spark") if item.get_closest_marker("spark") else asked


def _is_ready(names: Iterable[str]) -> bool:
    found = local_status.read(load(), local_stack.existing())
    return set(names) <= {process.name for process in found.processes if process.ready}


def _up(names: tuple[str, ...]) -> None:
    clock = SystemClock()
    try:
        with Progress(Console(stderr=True), clock) as progress:
            local_stack.up(names, progress, clock)
    except TidemarkError as error:
        pytest.fail(f"the stack does not come up: {error}", pytrace=False)


def _record(names: Iterable[str], how: str) -> None:
    found = local_status.read(load(), local_stack.existing())
    for process in found.processes:
        if process.name in set(names):
            real_engines.record(process.name, f"{how}, {process.url}".rstrip(", "))
