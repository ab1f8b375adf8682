"""What orders are judged by besides the account and its market, and what a calendar says of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from lakehouse.settings import Settings
from lakehouse.trading.checks import Facts, Limits
from lakehouse.trading.order import AT_ONCE, Order, OrderType, TimeInForce
from lakehouse.trading.sessions import expiry, in_session, session_close, time_in_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A market order needs a price of at most `max_price_age` of open exchange. Unless exchanges are `always_open`, an
    order that is good at once needs one that is open."""

    max_price_age: timedelta = timedelta(minutes=15)
    limits: Limits = field(default_factory=Limits)
    always_open: bool = True


DEFAULT: Final = Policy()


def policy_of(settings: Settings) -> Policy:
    """What orders are judged by."""
    section = settings.trading
    return Policy(
        max_price_age=timedelta(seconds=settings.market.order_price_max_age_s),
        limits=Limits(
            price_collar=section.price_collar,
            order_notional=section.max_order_notional,
            position_notional=section.max_position_notional,
        ),
        always_open=settings.providers.demo_mode,
    )


async def judged_by(policy: Policy, facts: Facts, exchange: str, orders: Sequence[Order]) -> Facts:
    """The facts with the policy's limits, and with what rules ask of time for these orders: the age of the price for
    those at market, whether the exchange is open for those that are good at once.

    The calendar is asked in a thread, and only where it matters.
    """
    facts = replace(facts, limits=policy.limits)
    if any(order.type is OrderType.MARKET for order in orders):
        age = await _age(facts, exchange, policy.max_price_age)
        facts = replace(facts, price_age=age, max_price_age=policy.max_price_age)
    if not policy.always_open and any(order.time_in_force in AT_ONCE for order in orders):
        facts = replace(facts, is_open=await asyncio.to_thread(in_session, exchange, facts.now))
    return facts


async def _age(facts: Facts, exchange: str, most: timedelta) -> timedelta | None:
    """How long the exchange has been open since the price was made; None where that is not known."""
    made, now = facts.price_at, facts.now
    if made is None or now - made <= most:
        return None if made is None else now - made
    return await asyncio.to_thread(time_in_session, exchange, made, now)


async def lapse_of(ticket_time: TimeInForce, given: datetime | None, exchange: str, now: datetime) -> datetime | None:
    """When an order lapses. The calendar is asked in a thread: it is built when a venue is first asked for."""
    close = now
    if ticket_time is TimeInForce.DAY:
        close = await asyncio.to_thread(session_close, exchange, now)
    return expiry(ticket_time, now=now, close=close, given=given)
