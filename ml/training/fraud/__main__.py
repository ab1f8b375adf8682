"""The job `train_fraud`: `python -m ml.training.fraud --business-date YYYY-MM-DD`."""

import sys
from collections.abc import Sequence

from lakehouse.cli.jobs import Asked
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import TRAIN_FRAUD
from lakehouse.settings import load
from ml.training.check import train
from ml.training.fraud.spec import SIZE, SPEC
from ml.training.job import run_training


def work(asked: Asked) -> dict[str, int]:
    """Train for the day that is asked for."""
    return train(SPEC, SIZE, load(), asked.day, clock=asked.clock)


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run_training(TRAIN_FRAUD, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
