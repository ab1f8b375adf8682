"""What every API does beside the requests, and the addresses that people try first."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from lakehouse.clock import Clock, SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.postgres import write_pool
from serving.kit.database import Database
from serving.kit.idempotency import KEPT, PURGE_LOCK, Idempotency
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK: Clock = SystemClock()
KEEP = """
    INSERT INTO ops.idempotency_key (owner_id, key, request_hash, status, headers, body, created_at)
    VALUES (%s, %s, '', 201, '{}', '', %s)
"""


def _keep(settings: Settings) -> None:
    """Three keys that are too old and one that is not."""
    owner, now = api_user(settings).id, CLOCK.now()
    with postgres.connect(settings.postgres) as connection:
        for place in range(3):
            connection.execute(KEEP, (owner, f"old-{place}", now - KEPT - timedelta(minutes=1)))
        connection.execute(KEEP, (owner, "young", now - KEPT + timedelta(hours=1)))


def _kept(settings: Settings) -> list[str]:
    with postgres.connect(settings.postgres) as connection:
        return [str(row[0]) for row in connection.execute("SELECT key FROM ops.idempotency_key ORDER BY key")]


async def _purged(settings: Settings, *limits: int) -> list[int]:
    pool = write_pool(settings.postgres, timeout_s=60.0)
    await pool.open()
    try:
        idempotency = Idempotency(Database(pool, pool), CLOCK)
        return [await idempotency.purge(limit=limit) for limit in limits]
    finally:
        await pool.close()


def test_old_keys_are_purged_in_batches_and_young_ones_stay(books: Settings) -> None:
    _keep(books)
    assert asyncio.run(_purged(books, 2, 2, 2)) == [2, 1, 0]
    assert _kept(books) == ["young"]


def test_two_processes_do_not_purge_at_once(books: Settings) -> None:
    _keep(books)
    with postgres.connect(books.postgres) as other:
        other.execute(PURGE_LOCK)
        assert asyncio.run(_purged(books, 10)) == [0]
    assert len(_kept(books)) == 4


def test_the_addresses_that_people_try_first_answer_everybody(served: Served) -> None:
    with httpx.Client(base_url=served.api.url, timeout=60.0) as anybody:
        health, front = anybody.get("/health"), anybody.get("/")
    assert health.status_code == 200
    assert health.json()["status"] in {"ready", "degraded"}
    assert (front.status_code, front.headers["location"]) == (307, "/docs")
