"""The order of the demo: stack, prices, DAGs, answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer
from rich.console import Console

from lakehouse.cli import login
from lakehouse.cli.demo import answers, books, report
from lakehouse.cli.demo.feed import Fed, feed
from lakehouse.cli.demo.result import DemoResult, Stage
from lakehouse.cli.demo.runs import FinishedRun, Tell, run_day
from lakehouse.clock import Clock, SystemClock
from lakehouse.local.commands import INTERRUPTED
from lakehouse.local.starting import bring_up
from lakehouse.local.status import urls_of
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings, load
from lakehouse.stores.airflow import AirflowClient

# The last day of the price set inside the skfolio wheel.
BUSINESS_DATE = "2022-12-28"
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


def run(narrator: _Narrator, begun: float, *, days: int, ticks: int) -> DemoResult:
    """The whole flow on a stack that is up, started at `begun` by the narrator's clock.

    Raises TidemarkError of the first step that fails; the stack is left running.
    """
    clock = narrator.clock
    up_seconds = clock.monotonic() - begun
    settings = load()
    with narrator.step("demo portfolios in PostgreSQL"):
        seed_demo(settings)
        owner_id, _ = login.ensure_demo_user(settings)
        books.hand_over(settings, owner_id)
    with narrator.step("real prices through Kafka into the lake"):
        fed = feed(days, ticks)
    with narrator.step("the day's DAGs in Airflow") as tell, AirflowClient(settings.airflow) as airflow:
        market, risk = run_day(airflow, BUSINESS_DATE, clock=clock, tell=tell)
    with narrator.step("answers from the API and ClickHouse"):
        books.publish_closes(settings, clock)
        _, token = login.ensure_demo_user(settings)
        portfolios = answers.portfolios(settings.serving.url, token, BUSINESS_DATE)
        stages = _stages(settings, up_seconds, fed, (market, risk))
    urls = {**urls_of(settings), "docs": f"{settings.serving.url}/docs"}
    return DemoResult(
        business_date=BUSINESS_DATE,
        portfolios=portfolios,
        stages=stages,
        urls=urls,
        curl=_curl(settings, portfolios[0].id),
        seconds=clock.monotonic() - begun,
    )


def _curl(settings: Settings, portfolio_id: str) -> str:
    """A line to paste: a new token each time, because a printed one would soon be refused."""
    address = f"{settings.serving.url}/api/v1/portfolios/{portfolio_id}/risk?as_of={BUSINESS_DATE}"
    return f"curl -s -H \"Authorization: Bearer $(.venv/bin/tidemark token)\" '{address}'"


def _stages(settings: Settings, up_seconds: float, fed: Fed, runs: tuple[FinishedRun, ...]) -> tuple[Stage, ...]:
    by_job = answers.rows_of_jobs(settings, BUSINESS_DATE)
    stages = [
        Stage("stack ready", up_seconds),
        Stage(
            "Kafka to bronze",
            fed.seconds,
            {"produced": fed.produced, "landed": fed.landed, "quarantined": fed.quarantined},
        ),
    ]
    for run_ in runs:
        stages.append(Stage(f"Airflow {run_.dag_id}", run_.seconds, _total(by_job, run_)))
        stages += [Stage(f"  {job}", seconds, by_job.get(job, {})) for job, seconds in run_.tasks]
    stages.append(Stage("marts", 0.0, {"ClickHouse": answers.mart_rows(settings)}))
    return tuple(stages)


def _total(by_job: Mapping[str, Mapping[str, int]], run_: FinishedRun) -> dict[str, int]:
    total: dict[str, int] = {}
    for job, _ in run_.tasks:
        for layer, rows in by_job.get(job, {}).items():
            total[layer] = total.get(layer, 0) + rows
    return total
