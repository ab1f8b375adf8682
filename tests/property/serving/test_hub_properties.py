"""The hub against a model: no gap, no reorder, snapshot and updates add up to the state, whatever the client's pace."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lakehouse.clock import ManualClock
from lakehouse.domain.quote import LatestQuote
from lakehouse.settings import PostgresSettings, RedisSettings, StreamSettings
from lakehouse.stores import postgres, redis
from serving.kit.database import Database
from serving.quotes.feed import QuoteFeed
from serving.sockets.follower import Due, Follower
from serving.sockets.hub import Hub, Listener

SYMBOLS = ("AAPL", "MSFT", "XOM")
CLIENTS = 3
NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)

symbols = st.sampled_from(SYMBOLS)
clients = st.integers(0, CLIENTS - 1)


def row(symbol: str, version: int) -> LatestQuote:
    """The master table's row at a version; the price tells the version."""
    return LatestQuote(
        symbol=symbol,
        price=Decimal(version),
        bid=None,
        ask=None,
        bid_size=None,
        ask_size=None,
        previous_close=None,
        currency="USD",
        provider="test-feed",
        as_of=NOON + timedelta(seconds=version),
        updated_at=NOON,
        version=version,
    )


class Client:
    """A reader at its own pace, which believes nothing but the frames that it gets."""

    def __init__(self) -> None:
        self.follower = Follower()
        self.wakes = 0
        self.listener = Listener(self.follower, self._wake)
        self.followed: set[str] = set()
        self.state: dict[str, int] = {}
        self.awaits_snapshot: set[str] = set()

    def _wake(self) -> None:
        self.wakes += 1

    def read(self, limit: int) -> None:
        """Take up to `limit` frames and check each against the one before."""
        self.wakes = 0
        self.follower.take(limit, self._take)

    def _take(self, due: Due) -> None:
        assert due.symbol in self.followed, "a frame of what is not followed"
        if due.symbol in self.awaits_snapshot:
            assert due.previous is None
            self.awaits_snapshot.discard(due.symbol)
        else:
            assert due.previous == self.state[due.symbol], "a gap"
            assert due.seq > due.previous, "a reorder"
            assert due.dropped == due.seq - due.previous - 1
        if due.quote is not None:
            assert due.quote.row.price == due.seq
        self.state[due.symbol] = due.seq


class HubMachine(RuleBasedStateMachine):
    """Changes, late and repeated news, following, leaving, asking again and reading, in any order."""

    @initialize()
    def begin(self) -> None:
        pool = postgres.read_pool(PostgresSettings(), timeout_s=1)  # never opened: `apply` reads nothing
        client = redis.connect_async(RedisSettings())
        self.feed = QuoteFeed(Database(pool, pool), client, ManualClock(), stale_after_s=60)
        self.hub = Hub(StreamSettings())
        self.hearing = ExitStack()
        self.hearing.enter_context(self.hub.hearing(self.feed))
        self.versions = dict.fromkeys(SYMBOLS, 0)
        self.clients = [Client() for _ in range(CLIENTS)]

    @rule(changed=st.sets(symbols, min_size=1), skipped=st.integers(0, 3))
    def change(self, changed: set[str], skipped: int) -> None:
        for symbol in changed:
            self.versions[symbol] += 1 + skipped
        self.feed.apply([row(symbol, self.versions[symbol]) for symbol in sorted(changed)])
        for client in self.clients:
            assert client.wakes or not client.followed & changed, "nobody woke a client that is owed something"

    @rule(symbol=symbols, back=st.integers(0, 5))
    def late_or_repeated_news(self, symbol: str, back: int) -> None:
        version = self.versions[symbol] - back
        if version > 0:
            self.feed.apply([row(symbol, version)])

    @rule(number=clients, symbol=symbols)
    def follow_or_resync(self, number: int, symbol: str) -> None:
        client = self.clients[number]
        self.hub.follow(client.listener, symbol)
        client.followed.add(symbol)
        client.awaits_snapshot.add(symbol)

    @rule(number=clients, symbol=symbols)
    def unfollow(self, number: int, symbol: str) -> None:
        client = self.clients[number]
        self.hub.unfollow(client.listener, symbol)
        client.followed.discard(symbol)
        client.awaits_snapshot.discard(symbol)

    @rule(number=clients)
    def leave_and_come_back(self, number: int) -> None:
        self.hub.detach(self.clients[number].listener)
        self.clients[number] = Client()

    @rule(number=clients, limit=st.integers(1, 4))
    def read(self, number: int, limit: int) -> None:
        self.clients[number].read(limit)

    @invariant()
    def memory_is_bounded_by_what_is_followed(self) -> None:
        for client in getattr(self, "clients", ()):
            assert set(client.follower.symbols) == client.followed
            assert len(client.follower) == len(client.followed)
            assert client.follower.is_owed or not client.awaits_snapshot

    def teardown(self) -> None:
        """Whoever reads on to the end holds the state of the table; whoever leaves hears nothing more."""
        found = getattr(self, "clients", [])
        for client in found:
            while client.follower.is_owed:
                client.read(2)
            assert {symbol: client.state[symbol] for symbol in client.followed} == {
                symbol: self.versions[symbol] for symbol in client.followed
            }
            self.hub.detach(client.listener)
            client.wakes = 0
        if found:
            self.feed.apply([row(symbol, self.versions[symbol] + 1) for symbol in SYMBOLS])
            assert not any(client.follower.is_owed or client.wakes for client in found)
            self.hearing.close()


TestHub = HubMachine.TestCase
TestHub.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
