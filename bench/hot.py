"""From a tick to the quote in Redis and to the alert: how late, at which rates, with everything durable and a book of
50,000 positions watched; beside what people write for it. The producer shares the machine and sends open loop."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Final

from bench import hot_book, hot_load
from bench.harness import Result
from bench.hot_watch import Late, Watched, late, watching
from lakehouse.clock import Clock, SystemClock
from lakehouse.contracts.topics import TICKS
from lakehouse.local import probes
from lakehouse.settings import Settings, inherited_environment, project_root
from lakehouse.stores import redis as redis_store

RATES: Final = (1_000, 20_000, 50_000, 100_000)
SUSTAINED: Final = (150_000, 200_000, 300_000, 400_000)
BURST: Final = (20_000, 5, 10.0)
WARM_S: Final = 3.0
SECONDS: Final = 12.0
WARM_UP: Final = hot_load.Stage(20_000, 120.0)
"""Thrown away: a broker that has just started compiles itself in its first two minutes of work, on half a core."""
KEPT_UP_MS: Final = 1_000.0
START_S: Final = 90.0
STILL_S: Final = 2.0
LONGEST_S: Final = 60.0
LOOK_S: Final = 0.1
ALERT_GOAL_MS: Final = {20_000: 30.0, 100_000: 100.0}
BURST_GOAL_MS: Final = 150.0
SUSTAINED_GOAL: Final = 200_000
PEER_RATES: Final = (1_000, 20_000)
QUIX: Final = "quixstreams==3.28.1"


@dataclass(frozen=True, slots=True)
class Run:
    """What a watcher saw of one candidate at one rate."""

    quotes: Late
    alerts: Late


def run(settings: Settings) -> list[Result]:
    """Every rate, a burst, the highest rate that is kept up with; peers at the rates that they can be asked for."""
    clock, partitions = SystemClock(), settings.kafka.partitions
    hot_book.fill(settings, partitions)
    measure = partial(_measure, settings, partitions, clock)
    with candidate(settings, hot(settings), clock, ready=hot_url(settings)):
        measure(WARM_UP)
        runs = {rate: measure(hot_load.Stage(rate, SECONDS)) for rate in RATES}
        base, times, seconds = BURST
        burst = measure(hot_load.Stage(base, WARM_S), hot_load.Stage(base * times, seconds))
        most = _most(measure)
    others: dict[str, dict[int, Run]] = {}
    for name, argv in peers(settings).items():
        with candidate(settings, argv, clock):
            others[name] = {rate: measure(hot_load.Stage(rate, SECONDS)) for rate in PEER_RATES}
    return [*_results(runs, others), *_burst(burst), _sustained(most)]


def hot(settings: Settings) -> list[str]:
    """The hot process."""
    return [sys.executable, "-m", "streaming.hot"]


def hot_url(settings: Settings) -> str:
    """Where it says that it is ready."""
    return f"http://127.0.0.1:{settings.hot.metrics_port}/health"


def peers(settings: Settings) -> dict[str, list[str]]:
    """What starts the others."""
    redis = settings.redis
    url = f"redis://:{redis.password.get_secret_value()}@{redis.host}:{redis.port}"
    quix = [
        str(Path(sys.executable).with_name("uv")),
        "run",
        "--no-project",
        "--with",
        QUIX,
        "--with",
        "redis",
        "python",
        "bench/hot_quix.py",
    ]
    return {
        "polling": [sys.executable, "-m", "bench.hot_peers", "poll", TICKS.name],
        "row by row": [sys.executable, "-m", "bench.hot_peers", "per_tick", TICKS.name],
        "quix": [*quix, settings.kafka.bootstrap_servers, TICKS.name, url],
    }


def environment(settings: Settings) -> dict[str, str]:
    """Of every process here."""
    return {**inherited_environment(), "TIDEMARK_HOME": str(settings.home)}


@contextmanager
def candidate(settings: Settings, argv: Sequence[str], clock: Clock, *, ready: str | None = None) -> Iterator[None]:
    """A process that runs during the block, on a Redis without quotes."""
    with redis_store.connect(settings.redis) as redis:
        redis.flushall()
    with (settings.home / "bench-hot.log").open("ab") as log:
        process = subprocess.Popen(
            argv, env=environment(settings), stdout=log, stderr=log, cwd=project_root(), process_group=0
        )
    try:
        if ready is not None:
            probes.until_passes(probes.http_ok(ready), process, clock=clock, timeout_s=START_S)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _measure(settings: Settings, partitions: int, clock: Clock, *stages: hot_load.Stage) -> Run:
    """Send the stages, or one after some seconds of its rate to warm up, and watch the last to its end."""
    *before, measured = stages
    words = [f"{stage.rate}:{stage.seconds}" for stage in (*(before or [_warm(measured)]), measured)]
    argv = [sys.executable, "-m", "bench.hot_load", TICKS.name, str(partitions), *words]
    with watching(partial(redis_store.connect, settings.redis), partitions, clock) as seen:
        sent = subprocess.run(
            argv, check=True, cwd=project_root(), env=environment(settings), stdout=subprocess.PIPE, text=True
        )
        _until_still(seen, clock)
    began_us = int(sent.stdout)
    return Run(late(seen.quotes, since_us=began_us), late(seen.alerts, since_us=began_us))


def _warm(stage: hot_load.Stage) -> hot_load.Stage:
    return hot_load.Stage(stage.rate, WARM_S)


def _until_still(seen: Watched, clock: Clock) -> None:
    """Wait until nothing new has been seen for a while: what waits is as late as it is."""
    newest, since, began = seen.newest, clock.monotonic(), clock.monotonic()
    while clock.monotonic() - since < STILL_S and clock.monotonic() - began < LONGEST_S:
        clock.sleep(LOOK_S)
        if seen.newest != newest:
            newest, since = seen.newest, clock.monotonic()


def _most(measure: Callable[[hot_load.Stage], Run]) -> dict[int, Run]:
    """Runs at rising rates up to the highest at which quotes are no older than a second."""
    tried = ((rate, measure(hot_load.Stage(rate, SECONDS))) for rate in SUSTAINED)
    return dict(takewhile(lambda found: found[1].quotes.p99 <= KEPT_UP_MS, tried))


def _results(runs: dict[int, Run], others: dict[str, dict[int, Run]]) -> Iterator[Result]:
    for rate, found in runs.items():
        name = f"{rate // 1000}k"
        beside = {who: runs[rate] for who, runs in others.items() if rate in runs}
        quotes = {who: run.quotes for who, run in beside.items()}
        alerts = {who: run.alerts for who, run in beside.items()}
        yield _late(f"hot_quote_{name}", found.quotes, quotes)
        yield _late(f"hot_alert_{name}", found.alerts, alerts, goal=ALERT_GOAL_MS.get(rate))


def _late(name: str, seen: Late, peers: dict[str, Late] | None = None, goal: float | None = None) -> Result:
    """A peer that has shown nothing has no number; how many a peer has shown stands in the notes."""
    others = {who: each.p99 for who, each in (peers or {}).items() if each.count}
    told = [f"{who}: {each}" for who, each in {"ours": seen, **(peers or {})}.items()]
    beside = {"p50": seen.p50, "p99.9": seen.p999, **others}
    return Result(name, "ms, p99", seen.p99, beside, goal=goal, lower_is_better=True, notes="; ".join(told))


def _burst(seen: Run) -> list[Result]:
    return [
        _late("hot_burst_quote", seen.quotes, goal=BURST_GOAL_MS),
        _late("hot_burst_alert", seen.alerts, goal=BURST_GOAL_MS),
    ]


def _sustained(kept: dict[int, Run]) -> Result:
    rate = max(kept, default=0)
    notes = f"quotes {kept[rate].quotes}" if kept else f"not {SUSTAINED[0]}/s"
    return Result("hot_sustained", "ticks/s", float(rate), goal=float(SUSTAINED_GOAL), notes=notes)
