"""Broker and books compared: what differs is named and kept, and nothing is sent while it stands unaccepted."""

from collections.abc import Iterator, Sequence
from typing import Final

import structlog

from lakehouse.stores import broker as store
from lakehouse.stores.broker import Submission
from lakehouse.trading.broker import AtBroker, Difference, of_account, of_positions, of_strangers
from streaming.broker.floor import Floor
from streaming.broker.following import book_refused, follow, states_of

LOOK_AGAIN_S: Final = 2.0

log = structlog.get_logger(__name__)


async def reconcile(floor: Floor) -> bool:
    """Compare, keep what differs, and say whether the account may trade. Raises ProviderError; then nothing is known.

    What differs at the first look is looked at again: a trade between two questions is no difference.
    """
    found = await _compared(floor)
    if found:
        await floor.sleep(LOOK_AGAIN_S)
        found = await _compared(floor)
    async with floor.connection.transaction():
        await store.record(floor.connection, floor.venue, found, clock=floor.clock)
        standing = await store.standing(floor.connection, floor.venue)
    barring = [each for each in standing if each.accepted_by is None]
    floor.metrics.differences.set(len(barring))
    for each in barring:
        log.error("broker_differs", id=str(each.id), name=each.name, subject=each.subject, message=each.message)
    return not barring


async def _compared(floor: Floor) -> list[Difference]:
    await book_refused(floor)
    open_orders = (await follow(floor)).open_orders
    living = await store.living(floor.connection, floor.venue)
    states = await states_of(floor, living, open_orders)
    theirs = await floor.broker.positions()
    account = await floor.broker.account()
    floor.metrics.cash.labels(account.currency).set(float(account.cash))
    known = await store.known_clients(floor.connection, floor.venue, [each.client_id for each in open_orders])
    return [
        *of_account(account, floor.broker.currency),
        *of_strangers(open_orders, known),
        *_of_submissions(living, states),
        *await _of_refusals(floor),
        *of_positions(await store.positions(floor.connection, floor.venue), theirs),
    ]


def _of_submissions(living: Sequence[Submission], states: dict[str, AtBroker]) -> Iterator[Difference]:
    for each in living:
        at = states.get(each.client_id)
        if each.status == "in_doubt":
            yield _of(each, "order_in_doubt", "", f"Whether the broker has order {each.order_id} is not known.")
        elif each.status == "open" and at is None:
            yield _of(each, "order_missing", "", f"The broker does not know order {each.order_id} any more.")
        elif at is not None and at.filled != each.traded:
            told = f"Of order {each.order_id} the broker has filled {at.filled:f} units, and told {each.traded:f}."
            yield _of(each, "executions_missing", f"{at.filled - each.traded:+f}", told)


def _of(each: Submission, name: str, detail: str, message: str) -> Difference:
    return Difference(name=name, subject=each.client_id, detail=detail, message=message, portfolio_id=each.portfolio_id)


async def _of_refusals(floor: Floor) -> list[Difference]:
    return [
        Difference(
            name="execution_refused",
            subject=each.trade_id[:200],
            detail=each.rule[:200],
            message=f"The books refuse to {each.side} {each.quantity:f} {each.symbol} at {each.price:f}: {each.rule}.",
            portfolio_id=each.portfolio_id,
        )
        for each in await store.refused(floor.connection, floor.venue)
    ]
