"""The job `train_surveillance`: `python -m ml.training.surveillance --business-date YYYY-MM-DD`."""

import sys
from collections.abc import Sequence

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import TRAIN_SURVEILLANCE
from lakehouse.settings import load
from ml.training.check import train
from ml.training.job import run_training
from ml.training.surveillance.spec import SIZE, SPEC


def work(asked: Asked) -> dict[str, int]:
    """Train for the day that is asked for."""
    return train(SPEC, SIZE, load(), asked.day, clock=asked.clock)


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(TRAIN_SURVEILLANCE, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
