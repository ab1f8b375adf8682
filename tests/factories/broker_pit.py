"""A desk that trades at a broker: its process, driven step by step, and a server that speaks as the broker does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from pydantic import SecretStr

from lakehouse.clock import ManualClock
from lakehouse.settings import Settings
from lakehouse.stores import broker as store
from lakehouse.stores.postgres import Transaction, connect_alone
from streaming.broker.alpaca import Alpaca
from streaming.broker.metrics import BrokerMetrics
from streaming.broker.processor import Trading
from tests.factories.broker_servers import AlpacaServer, Served
from tests.factories.trading import Desk

VENUE = "alpaca"
Found = TypeVar("Found")


@dataclass
class Pit:
    """A desk whose orders go to Alpaca, the process that takes them there, and Alpaca."""

    desk: Desk
    settings: Settings
    alpaca: AlpacaServer
    served: Served
    trading: Trading = field(init=False)

    def __post_init__(self) -> None:
        self.trading = self.started()

    def run(self, work: Callable[[Transaction], Awaitable[Found]]) -> Found:
        """The result of `work` in a transaction of the database's owner, as the process and its commands work."""

        async def within() -> Found:
            async with await connect_alone(self.settings.postgres, "test") as connection, connection.transaction():
                return await work(connection)

        return self.desk.runner.run(within())

    @property
    def clock(self) -> ManualClock:
        return self.desk.clock

    def turn(self, seconds: float = 3.0) -> None:
        """Let the process do a step, some seconds after the last one, and wait where it has to."""
        self.clock.sleep(seconds)
        self.desk.runner.run(self.trading._tried())

    def restart(self, kind: type[Alpaca] = Alpaca) -> None:
        """The process is gone without a word, and another one begins."""
        self.close()
        self.trading = self.started(kind)

    def started(self, kind: type[Alpaca] = Alpaca) -> Trading:
        """A new process."""

        async def sleep(seconds: float) -> None:
            self.clock.sleep(seconds)

        key, secret = SecretStr(AlpacaServer.KEY), SecretStr(AlpacaServer.SECRET)
        broker = kind(self.served.url, key=key, secret=secret, clock=self.clock, sleep=sleep)
        return Trading(broker, self.settings.postgres, self.clock, sleep, BrokerMetrics(), poll_s=1.0)

    def close(self) -> None:
        self.desk.runner.run(self.trading._drop())
        self.desk.runner.run(self.trading.broker.close())

    def submission(self, order_id: UUID) -> tuple[object, ...]:
        """How it stands with an order, and how often it was sent."""
        statement = "SELECT status, sends FROM broker.submission WHERE order_id = %(o)s"
        return next(iter(self.desk.rows(statement, o=order_id)), ())

    def differences(self) -> list[store.Standing]:
        return self.run(lambda connection: store.standing(connection, VENUE))

    @property
    def posts(self) -> int:
        """Orders that have reached the server, taken or not."""
        return self.served.count("POST", "/v2/orders")
