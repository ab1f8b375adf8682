"""What a change of one order means for its family: the legs of a bracket, and legs of which one cancels the rest."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lakehouse.trading.machine import Accept, Cancel, Event, Expire, Reduce, apply
from lakehouse.trading.order import Leg, Order, Status

OCO_FILLED = "oco_sibling_filled"
OCO_ENDED = "oco_sibling_ended"
ENTRY_ENDED = "entry_ended"

_ENDED = frozenset({Status.CANCELED, Status.EXPIRED, Status.REJECTED})


@dataclass(frozen=True, slots=True)
class Change:
    """An order before and after an event; one that is placed has nothing before."""

    before: Order | None
    after: Order


@dataclass(frozen=True, slots=True)
class Cascade:
    """What an event did to an order and its relatives, in order, and the legs that shall now go to work."""

    changes: tuple[Change, ...]
    to_activate: tuple[Order, ...]


def cascade(order: Order, event: Event, family: Iterable[Order]) -> Cascade:
    """Apply `event` to `order`, and to its family what follows from it. Raises TradingError where it is refused."""
    members = {each.id: each for each in (*family, order)}
    changes: list[Change] = []
    to_activate: list[Order] = []
    waiting: deque[tuple[Order, Event]] = deque([(order, event)])
    while waiting:
        named, happening = waiting.popleft()
        current = members[named.id]
        if changes and not current.is_open:
            continue
        if isinstance(happening, Accept):
            to_activate.append(current)
            continue
        after = members[named.id] = apply(current, happening)
        changes.append(Change(current, after))
        waiting.extend(consequences(after, members.values()))
    return Cascade(tuple(changes), tuple(to_activate))


def consequences(changed: Order, family: Iterable[Order]) -> list[tuple[Order, Event]]:
    """What has to happen, in the same transaction, to the relatives of an order that has just changed.

    - The entry of a bracket is filled: its held legs go to work. It ends otherwise: they end too, also where it was
      filled in part, since their quantity would no longer be what is held.
    - A leg is filled in part: its sibling is reduced to what is left. It is filled, or ends: its sibling ends.

    An Accept here carries no reservation: the caller reserves what the whole group needs.
    """
    relatives = [other for other in family if other.id != changed.id and other.is_open]
    return [*_of_entry(changed, relatives), *_of_leg(changed, relatives)]


def _of_entry(changed: Order, relatives: list[Order]) -> Iterator[tuple[Order, Event]]:
    legs = [other for other in relatives if other.parent_id == changed.id and other.status is Status.HELD]
    if changed.leg is not Leg.ENTRY:
        return
    if changed.status is Status.FILLED:
        yield from ((leg, Accept()) for leg in legs)
    elif changed.status is Status.EXPIRED:
        yield from ((leg, Expire()) for leg in legs)
    elif changed.status in _ENDED:
        yield from ((leg, Cancel(ENTRY_ENDED)) for leg in legs)


def _of_leg(changed: Order, relatives: list[Order]) -> Iterator[tuple[Order, Event]]:
    if changed.oco_group is None:
        return
    for sibling in relatives:
        if sibling.oco_group != changed.oco_group:
            continue
        if changed.status is Status.FILLED:
            yield sibling, Cancel(OCO_FILLED)
        elif changed.status in _ENDED:
            yield sibling, Cancel(OCO_ENDED)
        elif changed.status is Status.PARTIALLY_FILLED and sibling.leaves > changed.leaves:
            yield sibling, Reduce(changed.leaves)
