"""What a batch makes the world know: alerts and fills; and what the hot process asks of its desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from lakehouse.alerting.rules import Crossing
from lakehouse.trading.venue import Standing
from streaming.hot.batch import Batch

JsonObject = Mapping[str, object]
"""What orjson writes and reads back unchanged: text, whole numbers, floats, lists, null. Money is text."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The message that did it."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that was broken; `cause` is None where time alone did it."""

    crossing: Crossing
    cause: Cause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A fill by the simulated venue: `quantity` units, positive, at `price`; `fee_minor` in the order's currency.

    `venue_trade_id` is made of the cause, so that a replay makes the same; `at_us` is the tick's event time.
    """

    order_id: UUID
    portfolio_id: UUID
    venue_trade_id: str
    quantity: Decimal
    price: Decimal
    fee_minor: int
    at_us: int
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An order that the venue ended itself without filling all of it, as one that is good at once."""

    order_id: UUID
    portfolio_id: UUID
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Dealt:
    """What a desk did with a batch, in the order of its ticks."""

    fills: tuple[Fill, ...] = ()
    ended: tuple[Ended, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fills or self.ended)

    @property
    def portfolios(self) -> frozenset[UUID]:
        """Whose orders they are."""
        return frozenset([*(each.portfolio_id for each in self.fills), *(each.portfolio_id for each in self.ended)])


@dataclass(frozen=True, slots=True)
class Effects:
    """All that one batch caused: with it, the batch is committed at once."""

    alerts: tuple[Alert, ...] = ()
    dealt: Dealt = Dealt()

    def __bool__(self) -> bool:
        return bool(self.alerts or self.dealt)


class Desk(Protocol):
    """The simulated venue's open orders. A pure value machine: the same calls in the same order do the same.

    Orders come as JSON, since changes are journalled: `id`, `version` and `portfolio_id` are the hot process's, the
    rest is between the desk and the store that reads open orders.
    """

    @property
    def orders(self) -> Mapping[UUID, Standing]:
        """Those that stand, by id."""

    def deal_by(self, terms: JsonObject) -> None:
        """Charge this, and deal at these hours, from the next tick on."""

    def halt(self, halts: Mapping[str, object]) -> None:
        """From the next tick on the orders of these portfolios, or of EVERYBODY, stand still, and all others move; as
        `changes.HALTS` has them."""

    def restate(self, orders: Sequence[JsonObject]) -> None:
        """These orders are open and stand so in PostgreSQL: new ones join, known ones change.

        One whose version is not above what the desk has made of it, or has seen ended, was read too early: ignored.
        """

    def leave(self, orders: Sequence[str]) -> None:
        """These ids are open no more; unknown ones are ignored."""

    def play(self, batch: Batch, symbols: Sequence[str]) -> Dealt:
        """Let the open orders meet the batch, tick by tick; `symbols` names its places."""

    def memory(self) -> bytes:
        """All that the desk knows, between two batches."""

    def recall(self, memory: bytes) -> None:
        """Go on where another desk was."""
