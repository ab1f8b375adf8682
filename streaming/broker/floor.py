"""What every step of the process works with."""

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from streaming.broker.metrics import BrokerMetrics
from streaming.broker.port import Broker
from streaming.kit.remote import Sleep


@dataclass(frozen=True, slots=True)
class Floor:
    """A broker, and the books: `connection` is in no transaction between two steps."""

    broker: Broker
    connection: AsyncConnection[TupleRow]
    clock: Clock
    sleep: Sleep
    metrics: BrokerMetrics

    @property
    def venue(self) -> str:
        """The broker's name, as PostgreSQL has it."""
        return self.broker.name
