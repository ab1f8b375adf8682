"""`tidemark broker`: which portfolios trade at a broker, and what a person decides where it and the books differ."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import load
from lakehouse.stores import broker as store
from lakehouse.stores.books import orders
from lakehouse.stores.books.open_orders import lock_accounts
from lakehouse.stores.postgres import Transaction, connect_alone
from streaming.broker.wiring import venue_of

CLOCK = SystemClock()
SIMULATED: Final = "simulated"
SETTLED: Final = "lost_on_the_way"
Found = TypeVar("Found")

broker = typer.Typer(help="Orders at a broker.", no_args_is_help=True, pretty_exceptions_enable=False)


class BrokerCommandError(TidemarkError):
    """What was asked for cannot be done; nothing was changed."""


@broker.command()
def route(
    portfolio: Annotated[UUID, typer.Argument(help="id of the portfolio")],
    venue: Annotated[
        str, typer.Argument(help="alpaca, alpaca-live, angel-one or simulated: where its orders go from now on")
    ],
) -> None:
    """Choose where a portfolio trades. It must have no open order, there or here."""
    check_venue(venue, venue_of(load().broker))
    _done(lambda connection: set_route(connection, portfolio, None if venue == SIMULATED else venue))
    typer.echo(f"{portfolio} trades at {venue}")


@broker.command()
def status() -> None:
    """What the broker has or may have, and what it and the books do not agree on."""
    venue = venue_of(load().broker)
    for line in _done(lambda connection: told(connection, venue)):
        typer.echo(line)


@broker.command()
def accept(
    difference: Annotated[UUID, typer.Argument(help="its id, as status tells it")],
    by: Annotated[str, typer.Option(help="who accepts it")],
) -> None:
    """Let trading go on although this differs. Another amount of the same is another difference."""
    if not _done(lambda connection: store.accept(connection, difference, by=by, clock=CLOCK)):
        raise BrokerCommandError(f"there is no difference {difference} that waits for somebody")
    typer.echo(f"{difference} is accepted")


@broker.command()
def settle(
    order: Annotated[UUID, typer.Argument(help="an order, in doubt or missing, that the broker does not have")],
    by: Annotated[str, typer.Option(help="who has made sure of that")],
) -> None:
    """End an order, in doubt or missing: a person has seen that the broker does not have it, and will not get it."""
    _done(lambda connection: settle_absent(connection, order, by=by))
    typer.echo(f"{order} has ended")


def check_venue(venue: str, named: str) -> None:
    """Whether orders would go anywhere. Raises BrokerCommandError for a venue that settings do not name."""
    if venue not in (named, SIMULATED):
        raise BrokerCommandError(f"settings name {named or 'no broker'}: orders would go nowhere at {venue}")


async def set_route(connection: Transaction, portfolio: UUID, venue: str | None) -> None:
    """Where the portfolio trades, in the caller's transaction. Raises BrokerCommandError while it has open orders."""
    await lock_accounts(connection, [portfolio])
    if await store.busy(connection, portfolio):
        raise BrokerCommandError(f"portfolio {portfolio} has open orders: let them end first")
    await store.set_route(connection, portfolio, venue, clock=CLOCK)


async def settle_absent(connection: Transaction, order_id: UUID, *, by: str) -> None:
    """End an order that is in doubt or missing, in the caller's transaction. Raises BrokerCommandError elsewhere."""
    await orders.opened(connection, order_id)
    if not await store.is_lost(connection, order_id):
        raise BrokerCommandError(f"order {order_id} is neither in doubt nor missing at the broker")
    await store.tell(connection, order_id, "ended", f"settled by {by}", clock=CLOCK)
    await orders.end(connection, order_id, reason=SETTLED, clock=CLOCK)


async def told(connection: Transaction, venue: str) -> list[str]:
    """Lines for people; `venue` is empty where no broker is named."""
    everywhere = len(await store.routed(connection, ""))
    elsewhere = everywhere - len(await store.routed(connection, venue)) if venue else everywhere
    nowhere = [f"{elsewhere} portfolios are routed and trade nowhere"] if elsewhere else []
    if not venue:
        return nowhere or ["no broker is named: orders go to the simulated venue"]
    living = await store.living(connection, venue)
    differences = await store.standing(connection, venue)
    lines = [f"{venue}: {len(await store.routed(connection, venue))} portfolios, {len(living)} orders there"]
    lines += [f"order {each.order_id} {each.status}: {each.reason}" for each in living if each.status != "open"]
    for each in differences:
        accepted = f" (accepted by {each.accepted_by})" if each.accepted_by else ""
        lines.append(f"{each.id} {each.name} {each.subject} {each.detail}: {each.message}{accepted}")
    return [*lines, *nowhere]


def _done(work: Callable[[Transaction], Awaitable[Found]]) -> Found:
    async def run() -> Found:
        connection = await connect_alone(load().postgres, "tidemark-broker-command")
        async with connection, connection.transaction():
            return await work(connection)

    return asyncio.run(run())
