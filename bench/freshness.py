"""How old a tick is when it is committed to Delta, at a steady rate with its producer on the same machine.

Age is commit time less the time at which the tick was due to be sent: a late sender makes ticks older, not fewer.
"""

import subprocess
import sys
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np

from bench import ticks
from bench.harness import Result
from lakehouse.clock import SystemClock
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.topics import TICKS
from lakehouse.settings import Settings, project_root
from streaming.landing import wiring
from streaming.landing.metrics import LandingMetrics
from streaming.landing.pipeline import Until

RATE = 50_000
SECONDS = 30.0
PARTITIONS = 4
IDLE_S = 5.0
GOAL_P99_S = 1.0


class Ages(LandingMetrics):
    """The lander's metrics that also keep every age."""

    def __init__(self) -> None:
        super().__init__()
        self.ages_s: list[np.ndarray] = []

    def committed(
        self, topic: str, *, rows: int, seconds: float, quarantined: Mapping[Reason, int], ages_s: np.ndarray
    ) -> None:
        self.ages_s.append(ages_s)
        super().committed(topic, rows=rows, seconds=seconds, quarantined=quarantined, ages_s=ages_s)


def run(settings: Settings) -> list[Result]:
    """Percentiles over every tick of the run, the first to the last."""
    ages_s = measure(settings)
    median, high, worst = (float(found) for found in np.percentile(ages_s, [50, 99, 100]))
    notes = f"{len(ages_s)} ticks at {RATE}/s, flush every {settings.landing.flush_interval_s} s; worst {worst:.2f} s"
    peers = {"p50": median}
    return [Result("freshness", "s, p99", high, peers, goal=GOAL_P99_S, lower_is_better=True, notes=notes)]


def measure(settings: Settings) -> np.ndarray:
    """The age in seconds of every tick that was sent."""
    bucket = f"bench-{uuid.uuid4().hex[:10]}"
    own = settings.model_copy(update={"s3": settings.s3.model_copy(update={"lake_bucket": bucket})})
    metrics = Ages()
    with ticks.topic(settings.kafka, PARTITIONS) as name, ThreadPoolExecutor(1) as pool:
        lander, source = wiring.build(own, replace(TICKS, name=name), clock=SystemClock(), metrics=metrics)
        landing = pool.submit(lander.run, (), stop=Event(), until=Until(idle_s=IDLE_S), accept_gap=False)
        if not lander.ready.wait(30):
            raise TimeoutError("the lander did not take its partitions within 30 s")
        sender = [sys.executable, "-m", "bench.ticks", name, str(RATE), str(SECONDS), str(PARTITIONS)]
        subprocess.run(
            sender, cwd=project_root(), env={"PATH": "/usr/bin:/bin", "TIDEMARK_HOME": str(own.home)}, check=True
        )
        totals = landing.result()
        source.close()
    if totals.landed != int(RATE * SECONDS):
        raise AssertionError(f"{RATE * SECONDS:.0f} ticks sent, {totals.landed} landed")
    return np.concatenate(metrics.ages_s)
