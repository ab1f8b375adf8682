"""Keyset pages while others write: no row twice, and none missing that was there at the start and still is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.kit.access import USER_SCOPES, Principal
from serving.kit.database import Database
from serving.watchlists.schemas import WatchlistIn, WatchlistQuery
from serving.watchlists.service import WatchlistService
from tests.factories.postgres_server import postgres_server

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
PATH = "/api/v1/watchlists"
TIMEOUT_S = 5.0
SORTS = ("id", "-id", "name", "-name", "updated_at", "-updated_at")
NAMES = st.lists(st.text("abcäß 0", min_size=1, max_size=4).map(lambda name: f"n{name}"), unique=True, max_size=8)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens between two pages."""

    added: list[str]
    removes: int  # the row to delete, counted from the first; a number beyond deletes none


STEPS = st.lists(st.builds(Step, NAMES, st.integers(0, 12)), max_size=6)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with postgres_server() as section:
        made = Settings(home=tmp_path_factory.mktemp("home"), postgres=section)
        migrations.upgrade(made)
        yield made


@asynccontextmanager
async def service_of(settings: Settings) -> AsyncIterator[WatchlistService]:
    read = postgres.read_pool(settings.postgres, timeout_s=TIMEOUT_S)
    write = postgres.write_pool(settings.postgres, timeout_s=TIMEOUT_S)
    async with read, write:
        yield WatchlistService(Database(read, write), CLOCK)


def a_user(settings: Settings) -> Principal:
    user = uuid7(CLOCK)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'pages')",
            (user, f"{user.hex}@example.com"),
        )
    return Principal(user, USER_SCOPES)


async def add(service: WatchlistService, who: Principal, names: list[str], prefix: str) -> None:
    if names:
        await service.batch(who, [WatchlistIn(name=f"{name} {prefix}") for name in names], atomic=True)


def ids_of(settings: Settings, who: Principal) -> list[UUID]:
    with postgres.connect(settings.postgres) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT id FROM app.watchlist WHERE owner_id = %s ORDER BY id", (who.user_id,))
        return [row["id"] for row in cursor.fetchall()]


async def disturb(service: WatchlistService, who: Principal, step: Step, settings: Settings, turn: int) -> None:
    await add(service, who, step.added, f"turn {turn}")
    found = ids_of(settings, who)
    if step.removes < len(found):
        await service.delete(who, found[step.removes], None)


async def walk(settings: Settings, sort: str, limit: int, start: list[str], steps: list[Step]) -> None:
    async with service_of(settings) as service:
        who = a_user(settings)
        await add(service, who, start, "start")
        at_start = set(ids_of(settings, who))
        seen: list[UUID] = []
        names: dict[str, object] = {"sort": sort, "limit": limit}
        for turn in range(100):
            page = await service.page(who, WatchlistQuery.model_validate(names), PATH)
            seen.extend(row.id for row in page.data)
            if page.next is None:
                break
            names = {**names, **place_in(page.next)}
            if turn < len(steps):
                await disturb(service, who, steps[turn], settings, turn)
        still_there = at_start & set(ids_of(settings, who))
        assert len(seen) == len(set(seen)), "a row was shown twice"
        assert still_there <= set(seen), "a row that was there all the time was not shown"


def place_in(path: str) -> dict[str, object]:
    """The parameters of the next page's place."""
    found = parse_qs(urlsplit(path).query)
    return {name: values[0] for name, values in found.items() if name in {"cursor", "starting_after"}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sort=st.sampled_from(SORTS), limit=st.integers(1, 4), start=NAMES, steps=STEPS)
def test_pages_hold_every_row_once_while_others_write(
    migrated: Settings, sort: str, limit: int, start: list[str], steps: list[Step]
) -> None:
    asyncio.run(walk(migrated, sort, limit, start, steps))


async def crowded(settings: Settings) -> None:
    """Pages while a writer on another connection inserts as fast as it can."""
    async with service_of(settings) as service:
        who = a_user(settings)
        await add(service, who, [str(number) for number in range(200)], "start")
        at_start = set(ids_of(settings, who))
        is_over = asyncio.Event()

        async def write() -> int:
            turn = 0
            while not is_over.is_set():
                turn += 1
                await add(service, who, [f"{number}" for number in range(5)], f"turn {turn}")
            return turn

        writer = asyncio.create_task(write())
        try:
            for sort in SORTS:
                seen: list[UUID] = []
                names: dict[str, object] = {"sort": sort, "limit": 17}
                while len(seen) < 5000:
                    page = await service.page(who, WatchlistQuery.model_validate(names), PATH)
                    seen.extend(row.id for row in page.data)
                    if page.next is None or at_start <= set(seen):
                        break
                    names = {**names, **place_in(page.next)}
                assert len(seen) == len(set(seen)), sort
                assert at_start <= set(seen), sort
        finally:
            is_over.set()
        assert await writer > 0


def test_pages_hold_every_row_once_beside_a_busy_writer(migrated: Settings) -> None:
    asyncio.run(crowded(migrated))
