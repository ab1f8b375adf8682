"""One signal, in the caller's transaction: each portfolio that follows signals orders by it, or says why not."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from psycopg import DataError, IntegrityError

from lakehouse.clock import Clock
from lakehouse.domain.currency import CurrencyError
from lakehouse.stores import signals
from lakehouse.stores.books import orders
from lakehouse.stores.books.open_orders import lock_accounts
from lakehouse.stores.books.order_policy import Policy
from lakehouse.stores.postgres import Transaction
from lakehouse.stores.signals import Follower, Instrument, Outcome
from lakehouse.trading.order import OrderType
from lakehouse.trading.sessions import in_session
from lakehouse.trading.signals import Refusal, Signal, at_sight, decide
from lakehouse.trading.ticket import BadForm, Ticket
from ml.checks.champion import Champion
from ml.checks.orders import screen_with

SOURCE: Final = "automation"
REFUSED: Final = (orders.OrderRefused, orders.ClientIdTaken, BadForm, CurrencyError, IntegrityError, DataError)


class Desk:
    """Places orders as the API does, by the same rules, and judged by the same surveillance."""

    def __init__(self, policy: Policy, champion: Champion, *, clock: Clock) -> None:
        self._policy, self._champion, self._clock = policy, champion, clock

    async def follow(self, connection: Transaction, signal: Signal) -> list[Outcome]:
        """Order for every portfolio that follows signals and has not met this one, and write what came of it.

        Only portfolios that the signal may concern are locked and looked at. Raises psycopg.OperationalError, also
        where another transaction was faster.
        """
        now = self._clock.now()
        judged = [(each, at_sight(signal, each.terms, now)) for each in await signals.followers(connection, signal.id)]
        outcomes = [Outcome(each.portfolio_id, refusal) for each, refusal in judged if refusal]
        outcomes += await self._looked_at(connection, signal, [each for each, refusal in judged if not refusal])
        if outcomes:
            await signals.record(connection, signal, outcomes, clock=self._clock)
        return outcomes

    async def _looked_at(self, connection: Transaction, signal: Signal, following: Sequence[Follower]) -> list[Outcome]:
        if not following:
            return []
        await lock_accounts(connection, [each.portfolio_id for each in following])
        known = await signals.instrument(connection, signal.symbol)
        now = self._clock.now()
        is_open = await self._is_open(known, now)
        outcomes = []
        for each in following:
            met = await signals.situation(connection, each.portfolio_id, signal.symbol, known, now=now, is_open=is_open)
            found = decide(signal, each.terms, met)
            if isinstance(found, Refusal):
                outcomes.append(Outcome(each.portfolio_id, found))
            else:
                outcomes.append(await self._order(connection, signal, each, found))
        return outcomes

    async def _is_open(self, known: Instrument | None, now: datetime) -> bool:
        if known is None or self._policy.always_open:
            return True
        return await asyncio.to_thread(in_session, known.exchange, now)

    async def _order(self, connection: Transaction, signal: Signal, follower: Follower, quantity: Decimal) -> Outcome:
        portfolio = follower.portfolio_id
        ticket = Ticket(
            portfolio_id=portfolio,
            symbol=signal.symbol,
            side=signal.side,
            type=OrderType.MARKET,
            quantity=quantity,
            source=SOURCE,
            client_order_id=f"signal:{signal.id}:{portfolio}",
        )
        try:
            async with connection.transaction():
                placed = await orders.place(
                    connection,
                    ticket,
                    owner_id=follower.owner_id,
                    clock=self._clock,
                    screen=screen_with(ticket.digest, self._clock, self._champion),
                    policy=self._policy,
                )
        except REFUSED as error:
            return Outcome(portfolio, _rule(error))
        return Outcome(portfolio, placed.violation.rule if placed.violation else "", quantity, placed.order_id)


def _rule(error: Exception) -> str:
    if isinstance(error, orders.OrderRefused):
        return error.violation.rule
    if isinstance(error, BadForm):
        return error.rule
    if isinstance(error, orders.ClientIdTaken):
        return "client_order_id_taken"
    constraint = error.diag.constraint_name if isinstance(error, IntegrityError | DataError) else None
    return constraint or "not_bookable"
