"""The job `daily_closes`: silver's daily bars as bars of the API, by which portfolios are valued."""

import sys
from collections.abc import Sequence

import structlog

from lakehouse.cli.jobs import Asked, run
from lakehouse.clock import Clock
from lakehouse.contracts.jobs import DAILY_CLOSES
from lakehouse.settings import load
from lakehouse.stores import postgres
from lakehouse.stores.closes import publish

log = structlog.get_logger(__name__)


def work(asked: Asked) -> dict[str, int]:
    """Publish what is new or was corrected up to the day that is asked for."""
    settings = load()
    with postgres.connect(settings.postgres) as connection:
        done = publish(connection, settings.s3, asked.day, clock=asked.clock)
    log.info("closes_published", bars=done.bars, symbols=done.symbols, other_currency=list(done.other_currency))
    return {"market.bar": done.bars}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run(DAILY_CLOSES, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
