"""An open order as it crosses the journal and the checkpoint: plain values in, plain values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from lakehouse.clock import epoch_us
from lakehouse.trading.matching import resting
from lakehouse.trading.venue import OpenOrder, Standing


def plain_of(opened: OpenOrder, *, is_final: bool = False) -> dict[str, object]:
    """It as JSON has it, with `id`, `version` and `portfolio_id` on top.

    `is_final` says that PostgreSQL is right, whatever the venue has made of the order: a fill was refused.
    """
    order = opened.order
    # Through JSON: what was read again is then equal to what comes back from the journal, lists and all.
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(opened))
    named = {"id": str(order.id), "version": order.version, "portfolio_id": str(order.portfolio_id)}
    return plain | named | {"is_final": is_final}


def final(plain: Mapping[str, object]) -> dict[str, object]:
    """The same order, as PostgreSQL is right about it."""
    return {**plain, "is_final": True}


def is_final(plain: Mapping[str, object]) -> bool:
    """As it was told."""
    return plain["is_final"] is True


def read(plain: Mapping[str, object]) -> OpenOrder:
    """What `plain_of` wrote. Raises msgspec.ValidationError."""
    return msgspec.convert(plain, OpenOrder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A standing order as a checkpoint has it: `awake` and `stop` are what ticks have made of its stop."""

    opened: OpenOrder
    awake: bool
    stop: Decimal | None

    @property
    def standing(self) -> Standing:
        """It at the venue."""
        opened = self.opened
        order = opened.order
        until = None if order.expires_at is None else epoch_us(order.expires_at)
        rests = resting(order, since=opened.since_us, until=until, awake=self.awake)
        return Standing(order, rests._replace(stop=self.stop), opened.amount)


def joined(opened: OpenOrder, known: Standing | None) -> Standing:
    """An order at the venue as PostgreSQL has it; of one that works, and is `known` to, the venue remembers since when,
    whether its stop was set off, and where a trailing one has moved to."""
    fresh = Kept(opened=opened, awake=False, stop=opened.order.stop_price).standing
    if known is None or not (known.order.is_working and fresh.order.is_working):
        return fresh
    past = known.resting
    rests = fresh.resting._replace(since=past.since, awake=past.awake, stop=past.stop)
    return Standing(fresh.order, rests, fresh.amount)
