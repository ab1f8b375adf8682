"""The order of the demo: stack, prices, DAGs, answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import typer
from rich.console import Console

from lakehouse.cli import login
from lakehouse.cli.demo import answers, books, live, marts, policies, report, tracking
from lakehouse.cli.demo.api import api
from lakehouse.cli.demo.feed import Fed, feed
from lakehouse.cli.demo.result import DemoResult, Stage
from lakehouse.cli.demo.runs import FinishedRun, Tell, run_day
from lakehouse.clock import Clock, SystemClock
from lakehouse.local import envfile
from lakehouse.local.commands import INTERRUPTED
from lakehouse.local.home import Home
from lakehouse.local.starting import bring_up
from lakehouse.local.status import urls_of
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import ProviderSettings, Settings, load
from lakehouse.stores.airflow import AirflowClient

# The last two days of the price set inside the skfolio wheel.
BUSINESS_DATE, DAY_BEFORE = "2022-12-28", "2022-12-27"
DEMO_MODE = "TIDEMARK_PROVIDERS__DEMO_MODE"
"""With it exchanges are always open: the demo's live part works on a Sunday too. Not set in a home that follows real
providers: there it would stay on for orders that mean it."""
# Narrower, the tables would fold their numbers.
MIN_WIDTH = 120


@dataclass(slots=True)
class _Narrator:
    """Progress of the demo: a spinner on a terminal, a line a step elsewhere; and each step's seconds."""

    console: Console
    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[Tell]:
        """Show a step while it runs; the callable replaces its text."""
        begun = self.clock.monotonic()
        with self.console.status(title) as status:
            yield status.update
        self.seconds[title] = self.clock.monotonic() - begun
        self.console.print(f"[green]done[/] {title} [dim]{self.seconds[title]:.1f} s[/]", highlight=False)


def show(*, days: int, ticks: int) -> None:
    """Run the demo and print its answer: progress to stderr, the answer to stdout.

    Raises typer.Exit when interrupted: while the stack starts it is taken down as by `tidemark up`, later it stays.
    """
    narrator = _Narrator(Console(stderr=True), SystemClock())
    begun = narrator.clock.monotonic()
    settings = load()
    home = Home(settings.home)
    home.create()
    if not open_exchanges(home, settings.providers):
        narrator.console.print("real providers are followed: the live part needs an exchange that is open")
    try:
        bring_up((), narrator.console, narrator.clock)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    try:
        result = run(narrator, begun, days=days, ticks=ticks)
    except KeyboardInterrupt:
        narrator.console.print("interrupted; the stack keeps running, `make down` stops it", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    report.show(Console(width=max(Console().width, MIN_WIDTH)), result)


def open_exchanges(home: Home, providers: ProviderSettings) -> bool:
    """Have exchanges always open in a home that follows no real provider, and say whether."""
    if providers.order:
        return False
    envfile.keep(home, DEMO_MODE, "true")
    return True


def run(narrator: _Narrator, begun: float, *, days: int, ticks: int) -> DemoResult:
    """The whole flow on a stack that is up, started at `begun` by the narrator's clock.

    Raises TidemarkError of the first step that fails; the stack is left running.
    """
    clock = narrator.clock
    up_seconds = clock.monotonic() - begun
    settings = load()
    with narrator.step("demo portfolios in PostgreSQL"):
        seed_demo(settings)
        owner_id, token = login.ensure_demo_user(settings)
        books.hand_over(settings, owner_id)
        with api(settings.serving.url, token) as mine:
            policies.ensure(mine, BUSINESS_DATE)
    with narrator.step("real prices through Kafka into the lake"):
        fed = feed(days, ticks)
    with narrator.step("the day's DAGs in Airflow") as tell, AirflowClient(settings.airflow) as airflow:
        runs = run_day(airflow, BUSINESS_DATE, DAY_BEFORE, clock=clock, tell=tell)
    with narrator.step("answers from the API, ClickHouse and MLflow"):
        books.publish_closes(settings, clock)
        answered = _answers(settings, runs, _opening(up_seconds, fed), lambda: clock.monotonic() - begun)
    with narrator.step("a trading day as if it were now: a stop-loss and a bracket"):
        _, token = login.ensure_demo_user(settings)
        with api(settings.serving.url, token) as mine:
            happened = live.stream(mine, clock)
    return replace(answered, live=live.lines(happened), seconds=clock.monotonic() - begun)


def _answers(
    settings: Settings, runs: tuple[FinishedRun, ...], opening: tuple[Stage, ...], elapsed: Callable[[], float]
) -> DemoResult:
    """Everything read back from where users will read it."""
    _, token = login.ensure_demo_user(settings)
    with api(settings.serving.url, token) as mine:
        portfolios = answers.portfolios(mine, BUSINESS_DATE)
        proposals = answers.proposals(mine, portfolios, BUSINESS_DATE)
    marts_stage = Stage("marts", 0.0, {"ClickHouse": marts.rows(settings)})
    return DemoResult(
        business_date=BUSINESS_DATE,
        portfolios=marts.with_detail(settings, portfolios, BUSINESS_DATE),
        proposals=proposals,
        strategies=marts.strategies(settings, BUSINESS_DATE, tracking.reports(settings.mlflow, BUSINESS_DATE)),
        models=tracking.models(settings.mlflow),
        stages=(*opening, *_stages(settings, runs), marts_stage),
        urls={**urls_of(settings), "docs": f"{settings.serving.url}/docs"},
        curl=_curl(settings, portfolios[0].id),
        seconds=elapsed(),
    )


def _curl(settings: Settings, portfolio_id: str) -> str:
    """A line to paste: a new token each time, because a printed one would soon be refused."""
    address = f"{settings.serving.url}/api/v1/portfolios/{portfolio_id}/risk?as_of={BUSINESS_DATE}"
    return f"curl -s -H \"Authorization: Bearer $(.venv/bin/tidemark token)\" '{address}'"


def _opening(up_seconds: float, fed: Fed) -> tuple[Stage, ...]:
    rows = {"produced": fed.produced, "landed": fed.landed, "quarantined": fed.quarantined}
    return (Stage("stack ready", up_seconds), Stage("Kafka to bronze", fed.seconds, rows))


def _stages(settings: Settings, runs: tuple[FinishedRun, ...]) -> Iterator[Stage]:
    for run_ in runs:
        by_job = answers.rows_of_jobs(settings, run_.business_date)
        of_day = "" if run_.business_date == BUSINESS_DATE else f" of {run_.business_date}"
        when = ", earlier" if run_.is_earlier else ""
        yield Stage(f"Airflow {run_.dag_id}{of_day}{when}", run_.seconds, _total(by_job, run_))
        if not of_day:
            for job, seconds in run_.tasks:
                yield Stage(f"  {job}", seconds, by_job.get(job, {}))


def _total(by_job: Mapping[str, Mapping[str, int]], run_: FinishedRun) -> dict[str, int]:
    total: dict[str, int] = {}
    for job, _ in run_.tasks:
        for layer, rows in by_job.get(job, {}).items():
            total[layer] = total.get(layer, 0) + rows
    return total
