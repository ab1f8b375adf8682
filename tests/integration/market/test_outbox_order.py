"""Events of one owner become visible in the order of their seq, whichever transaction began first."""

import asyncio
from uuid import UUID

import pytest

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.postgres import Pool

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
WRITERS = 6
EVENTS = 15


def event(owner: UUID) -> Event:
    """Something that happened to what `owner` owns."""
    return Event(
        event_id=uuid7(CLOCK),
        topic="order.events",
        key="one",
        type="order.new",
        owner_id=owner,
        payload={},
        occurred_at=CLOCK.now(),
    )


async def _write(pool: Pool, owner: UUID, number: int) -> None:
    for turn in range(EVENTS):
        async with postgres.transaction(pool) as connection:
            await emit(connection, event(owner))
            await connection.execute("SELECT pg_sleep(%s)", (0.001 * ((number * 7 + turn * 3) % 5),))


async def _read(pool: Pool, owner: UUID, total: int) -> list[int]:
    """Follow by seq alone, as a socket does."""
    seen: list[int] = []
    while len(seen) < total:
        async with pool.connection() as connection:
            rows = await connection.execute(
                "SELECT seq FROM ops.outbox WHERE owner_id = %s AND seq > %s ORDER BY seq",
                (owner, seen[-1] if seen else 0),
            )
            seen += [row[0] for row in await rows.fetchall()]
    return seen


def test_a_reader_that_follows_by_seq_misses_nothing(market: Settings) -> None:
    owners = [uuid7(CLOCK), uuid7(CLOCK)]

    async def work() -> list[list[int]]:
        section = market.postgres.model_copy(update={"pool_max_size": 2 * WRITERS + 2})
        pool = postgres.write_pool(section, timeout_s=120)
        await pool.open()
        try:
            async with asyncio.timeout(300):
                readers = [_read(pool, owner, WRITERS * EVENTS) for owner in owners]
                writers = [_write(pool, owner, number) for owner in owners for number in range(WRITERS)]
                found = await asyncio.gather(*readers, *writers)
            return [seqs for seqs in found if seqs is not None]
        finally:
            await pool.close()

    for seqs in asyncio.run(work()):
        assert len(set(seqs)) == WRITERS * EVENTS
        assert seqs == sorted(seqs)
