"""Keyset pages while others write: no row twice, and none missing that was there at the start and still is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from psycopg import Connection

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.kit.access import USER_SCOPES, Principal
from serving.kit.database import Database
from serving.watchlists.schemas import WatchlistIn, WatchlistPatch, WatchlistQuery
from serving.watchlists.service import WatchlistService
from tests.factories.postgres_server import postgres_server

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
PATH = "/api/v1/watchlists"
TIMEOUT_S = 60.0
SORTS = ("id", "-id", "name", "-name", "updated_at", "-updated_at")
NAMES = st.lists(st.text("abcäß 0", min_size=1, max_size=4).map(lambda name: f"n{name}"), unique=True, max_size=8)


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


@pytest.fixture(scope="module")
def beside(migrated: Settings) -> Iterator[Connection]:
    """A connection of the test's own, each statement of which is a transaction."""
    with postgres.connect(migrated.postgres) as connection:
        connection.autocommit = True
        yield connection


@dataclass(frozen=True)
class Bench:
    """What all examples of an order share, each with a user of its own."""

    runner: asyncio.Runner
    service: WatchlistService
    beside: Connection


@pytest.fixture(scope="module")
def bench(migrated: Settings, beside: Connection) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        service = runner.run(stack.enter_async_context(service_of(migrated)))
        yield Bench(runner, service, beside)
        runner.run(stack.aclose())


def a_user(connection: Connection) -> Principal:
    user = uuid7(CLOCK)
    connection.execute(
        "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'pages')",
        (user, f"{user.hex}@example.com"),
    )
    return Principal(user, USER_SCOPES)


async def add(service: WatchlistService, who: Principal, names: list[str], prefix: str) -> None:
    if names:
        await service.batch(who, [WatchlistIn(name=f"{name} {prefix}") for name in names], atomic=True)


def ids_of(connection: Connection, who: Principal) -> list[UUID]:
    found = connection.execute("SELECT id FROM app.watchlist WHERE owner_id = %s ORDER BY id", (who.user_id,))
    return [row[0] for row in found]


def place_in(path: str) -> dict[str, object]:
    """The parameters of the next page's place."""
    found = parse_qs(urlsplit(path).query)
    return {name: values[0] for name, values in found.items() if name in {"cursor", "starting_after"}}


class Walks(RuleBasedStateMachine):
    """Walks over a user's watchlists in one order, while rows come, go and move between and beside the pages."""

    bench: Bench
    sort: str

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.service = self.bench.runner, self.bench.service
        self.who = a_user(self.bench.beside)
        self.made = 0
        self.steady: set[UUID] = set()  # rows that neither came, went nor moved since the walk began
        self.seen: list[UUID] = []
        self.query: dict[str, object] | None = None

    def teardown(self) -> None:
        """Walk to the end, so that every example proves something."""
        while self.query is not None:
            self.runner.run(self._read())

    @initialize(names=NAMES)
    def fill(self, names: list[str]) -> None:
        """What is there before the first walk."""
        self.runner.run(self._add(names))

    @precondition(lambda self: self.query is None)
    @rule(limit=st.integers(1, 4))
    def begin(self, limit: int) -> None:
        """A walk from the first page."""
        self.steady = set(ids_of(self.bench.beside, self.who))
        self.seen = []
        self.query = {"sort": self.sort, "limit": limit}
        self.runner.run(self._read())

    @precondition(lambda self: self.query is not None)
    @rule()
    def read(self) -> None:
        """The next page, with nothing beside it."""
        self.runner.run(self._read())

    @precondition(lambda self: self.query is not None)
    @rule(names=NAMES, which=st.integers(0, 8))
    def read_while_others_write(self, names: list[str], which: int) -> None:
        """The next page at the same moment as rows come and one goes."""
        found = ids_of(self.bench.beside, self.who)
        gone = found[which : which + 1]
        self.steady -= set(gone)  # before: the page may show it or not

        async def at_once() -> None:
            await asyncio.gather(self._read(), self._add(names), *(self._delete(each) for each in gone))

        self.runner.run(at_once())

    @rule(names=NAMES)
    def add(self, names: list[str]) -> None:
        """Rows come."""
        self.runner.run(self._add(names))

    @rule(which=st.integers(0, 8))
    def delete(self, which: int) -> None:
        """A row goes, also one at which a page has ended."""
        for each in ids_of(self.bench.beside, self.who)[which : which + 1]:
            self.steady.discard(each)
            self.runner.run(self._delete(each))

    @rule(which=st.integers(0, 8), name=st.text("abcä 0", min_size=1, max_size=4))
    def rename(self, which: int, name: str) -> None:
        """A row moves to another place of the order: it may be shown there again, or not at all."""
        for each in ids_of(self.bench.beside, self.who)[which : which + 1]:
            self.steady.discard(each)
            self.made += 1
            patch = WatchlistPatch(name=f"n{name} {self.made}")
            self.runner.run(self.service.update(self.who, each, patch, None))

    async def _add(self, names: list[str]) -> None:
        self.made += 1
        await add(self.service, self.who, names, f"turn {self.made}")

    async def _delete(self, row: UUID) -> None:
        await self.service.delete(self.who, row, None)

    async def _read(self) -> None:
        assert self.query is not None
        page = await self.service.page(self.who, WatchlistQuery.model_validate(self.query), PATH)
        self.seen.extend(row.id for row in page.data)
        stayed = [row for row in self.seen if row in self.steady]
        assert len(stayed) == len(set(stayed)), "a row was shown twice"
        if page.next is not None:
            assert len(page.data) == self.query["limit"], "a page that is not full says that more follows"
            self.query = {**self.query, **place_in(page.next)}
            return
        self.query = None
        everything = WatchlistQuery.model_validate({"sort": self.sort, "limit": 200})
        in_order = [row.id for row in (await self.service.page(self.who, everything, PATH)).data]
        assert stayed == [row for row in in_order if row in self.steady]


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_shows_what_stayed_once_and_in_order(bench: Bench, sort: str) -> None:
    machine = type("Walk", (Walks,), {"bench": bench, "sort": sort})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))


async def crowded(settings: Settings, beside: Connection) -> None:
    """Pages while a writer on another connection inserts as fast as it can."""
    async with service_of(settings) as service:
        who = a_user(beside)
        await add(service, who, [str(number) for number in range(200)], "start")
        at_start = set(ids_of(beside, who))
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


def test_pages_hold_every_row_once_beside_a_busy_writer(migrated: Settings, beside: Connection) -> None:
    asyncio.run(crowded(migrated, beside))
