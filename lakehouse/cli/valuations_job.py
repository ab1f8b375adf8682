"""The job `portfolio_valuations`: every portfolio's value at the closes of the last days, kept for reports."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

import structlog

from lakehouse.cli.jobs import Asked, run
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import PORTFOLIO_VALUATIONS
from lakehouse.settings import load
from lakehouse.stores.books.valuations import value_everything

log = structlog.get_logger(__name__)


def work(asked: Asked) -> dict[str, int]:
    """Value the days up to the one that is asked for, or up to yesterday: a day that is not over has no close."""
    last = min(asked.day, asked.clock.now().date() - timedelta(days=1))
    done = asyncio.run(value_everything(load().postgres, last, clock=asked.clock))
    log.info("valued", portfolios=done.portfolios, days=done.days, degraded=done.degraded, last=last.isoformat())
    return {"app.valuation": done.days}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run(PORTFOLIO_VALUATIONS, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
