"""The port of every broker: orders by an id of ours, trades, holdings. It fails as `streaming.kit.remote` has it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from lakehouse.errors import TidemarkError
from lakehouse.trading.broker import Account, AtBroker, Trade
from lakehouse.trading.order import Order


class OrderRejected(TidemarkError):
    """The broker has read the order and will not have it: it is surely not there."""


class Broker(Protocol):
    """An account at a broker. Every method that asks it raises ProviderError.

    `place` raises OrderRejected, Unreached, RateLimited or Refused where the order is surely not there; after any
    other ProviderError it may be.
    """

    @property
    def name(self) -> str:
        """The `venue` of its orders."""
        ...

    @property
    def currency(self) -> str:
        """The currency in which its account has to be."""
        ...

    @property
    def refuses_copies(self) -> bool:
        """Whether the broker itself refuses a second order of the same client id."""
        ...

    def client_id(self, order_id: UUID) -> str:
        """What the broker is told to call an order: another one for every order, always the same for one."""
        ...

    def refusal(self, order: Order) -> str:
        """The rule by which the broker cannot have such an order, empty where it can."""
        ...

    def remembers(self, since: datetime) -> bool:
        """Whether an order of then, if the broker does not know it now, was never there."""
        ...

    async def place(self, order: Order, client_id: str) -> AtBroker:
        """Send the order, once; it is never sent again from in here."""
        ...

    async def cancel(self, broker_id: str) -> None:
        """Ask for the end of an order; whether it ends, and when, is told by asking for the order."""
        ...

    async def order(self, client_id: str) -> AtBroker | None:
        """The order that was called so; None where the broker has none."""
        ...

    async def open_orders(self) -> Sequence[AtBroker]:
        """All open orders of the account, others' too."""
        ...

    async def trades_since(self, at: datetime) -> Sequence[Trade]:
        """All trades of the account from `at` on, in order."""
        ...

    async def positions(self) -> dict[str, Decimal]:
        """Units by symbol, negative where short; what we have no symbol for, under the broker's own."""
        ...

    async def account(self) -> Account:
        """Cash, and whether it may trade."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
