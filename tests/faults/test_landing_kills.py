"""Landers killed with SIGKILL at random moments while messages flow: every one lands once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from tests.factories.landing import PROJECT, Landscape, landscape, start_lander, wait_until_landing

KILLS = 24
MESSAGES = 200_000
RATE = 3_000.0
POISON_EVERY = 100
SEED = 20_261_120
STREAM = Path(PROJECT, "tests", "factories", "tick_stream.py")

pytestmark = [pytest.mark.faults, pytest.mark.engines("kafka", "s3"), pytest.mark.timeout(2400)]


@pytest.fixture
def land(stack: Settings) -> Iterator[Landscape]:
    made = landscape(stack, partitions=4, flush_interval_s=0.15)
    yield made
    made.remove()


def test_nothing_is_lost_or_doubled_by_kills(land: Landscape) -> None:
    dice = np.random.default_rng(SEED)
    stream = subprocess.Popen(
        [sys.executable, str(STREAM), land.topic.name, str(MESSAGES), str(RATE), str(POISON_EVERY)], cwd=PROJECT
    )
    try:
        kills = [_land_and_kill(land, dice.uniform(0.0, 1.2)) for _ in range(KILLS)]
        assert stream.wait(timeout=900) == 0
    finally:
        stream.kill()
    _land_the_rest(land)

    landed, quarantined = land.rows(), land.quarantined()
    sequences = landed["sequence"].to_numpy()
    refused = np.array([json.loads(raw)["sequence"] for raw in quarantined["raw"].to_pylist()])
    everything = np.sort(np.concatenate([sequences, refused]))
    lost = np.setdiff1d(np.arange(MESSAGES), everything)
    assert all(kills), "a lander ended before it was killed"
    assert lost.size == 0
    assert len(everything) == MESSAGES, f"{len(everything) - MESSAGES} messages doubled"
    assert np.array_equal(np.sort(refused), np.arange(0, MESSAGES, POISON_EVERY))


def _land_and_kill(land: Landscape, after_s: float) -> bool:
    """Start a lander, let it land for a while, kill it; True where it was still alive to be killed."""
    lander = start_lander(land)
    wait_until_landing(lander)
    SystemClock().sleep(after_s)
    alive = lander.poll() is None
    lander.kill()
    lander.communicate()
    return alive


def _land_the_rest(land: Landscape) -> None:
    lander = start_lander(land, "--once")
    out, err = lander.communicate(timeout=900)
    assert lander.returncode == 0, out + err
