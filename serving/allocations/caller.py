"""Tells Airflow that portfolios wait for weights: at the API's start those that were left waiting, then each new one.

The row in app.allocation is the request; Airflow hears of it as often as it takes. Two processes that tell it at once
cost a run that finds nothing to do.
"""

import asyncio

import structlog

from lakehouse.contracts.jobs import ALLOCATE_PORTFOLIOS
from lakehouse.errors import TidemarkError
from lakehouse.stores.airflow import AirflowClient
from lakehouse.stores.allocations import is_uncalled, mark_called
from serving.kit.rooms import Platform

EVERY_S = 2.0
AFTER_FAILURE_S = 30.0

log = structlog.get_logger(__name__)


async def call_forever(platform: Platform) -> None:
    """Look until the task is cancelled or the API ends. What does not answer is logged, and asked again."""
    while not platform.lifecycle.is_draining:
        pause_s = EVERY_S
        try:
            await call(platform)
        except TidemarkError as error:
            log.warning("portfolios wait for weights", error=str(error))
            pause_s = AFTER_FAILURE_S
        await platform.lifecycle.pause(pause_s)


async def call(platform: Platform) -> bool:
    """Trigger the DAG where somebody waits that it was not told of; whether it was. Raises PostgresUnavailable, and
    AirflowUnreachableError or AirflowRefusedError, after which the next call tries again."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        if not await is_uncalled(connection, now=now):
            return False
    await asyncio.to_thread(_trigger, platform)
    async with platform.database.transaction() as connection:
        await mark_called(connection, now=now)
    return True


def _trigger(platform: Platform) -> None:
    with AirflowClient(platform.settings.airflow) as client:
        client.trigger(ALLOCATE_PORTFOLIOS.name, partition_key=platform.clock.now().date().isoformat())
