"""The demo's input, sent by the feed's own process: the command line never imports a room above it."""

import json
import subprocess
import sys
from dataclasses import dataclass

from lakehouse.errors import TidemarkError


class FeedFailedError(TidemarkError):
    """The feed process failed; its own message stands above this one."""


@dataclass(frozen=True, slots=True)
class Fed:
    """Messages sent, and where they are now: produced = landed + quarantined."""

    produced: int
    landed: int
    quarantined: int
    seconds: float


def feed(days: int, ticks: int) -> Fed:
    """Send every daily close and `days` days of `ticks` simulated ticks a name, and wait until all have landed."""
    argv = [sys.executable, "-m", "streaming.feed", "demo", "--json", "--days", str(days), "--ticks", str(ticks)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise FeedFailedError(f"`{' '.join(argv[1:])}` ended with status {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Fed(told["produced"], told["landed"], told["quarantined"], told["seconds"])
