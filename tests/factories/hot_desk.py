"""Batches of ticks and open orders for a simulated venue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from lakehouse.trading.order import Leg, Order, OrderClass, OrderType, Side, Status, TimeInForce
from lakehouse.trading.venue import OpenOrder
from streaming.hot.batch import Batch
from tests.factories.orders import ORDER, order_id

NAN = float("nan")
SYMBOLS = ("AAPL", "MSFT", "IBM")
START_US = 1_772_463_600_000_000  # 2026-03-02 15:00 UTC, while XNYS is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A message; NaN where it does not say."""

    symbol: int = 0
    at: int = 0
    seq: int = 0
    price: float = NAN
    size: float = NAN
    bid: float = NAN
    bid_size: float = NAN
    ask: float = NAN
    ask_size: float = NAN


def quote(bid: float, ask: float, size: float = 100.0, **changes: Any) -> Tick:
    """A quote with as many units on either side."""
    return replace(Tick(bid=bid, ask=ask, bid_size=size, ask_size=size), **changes)


def trade(price: float, size: float = 100.0, **changes: Any) -> Tick:
    """A trade between others."""
    return replace(Tick(price=price, size=size), **changes)


def batch_of(ticks: Sequence[Tick], *, first_offset: int = 0) -> Batch:
    """The ticks as messages of one partition, sorted; `at` counts from START_US."""
    names = ("price", "size", "bid", "bid_size", "ask", "ask_size")
    columns = {name: np.array([getattr(tick, name) for tick in ticks], np.float64) for name in names}
    at = np.array([START_US + tick.at for tick in ticks], np.int64)
    return Batch(
        symbol=np.array([tick.symbol for tick in ticks], np.int64),
        at_us=at,
        seq=np.array([tick.seq for tick in ticks], np.int64),
        partition=np.zeros(len(ticks), np.int64),
        offset=np.arange(first_offset, first_offset + len(ticks)),
        kafka_us=at,
        **columns,
    ).in_order()


def an_order(
    number: int = 1,
    side: Side = Side.BUY,
    *,
    limit: str | None = None,
    stop: str | None = None,
    quantity: str = "10",
    tif: TimeInForce = TimeInForce.GTC,
    **changes: Any,
) -> Order:
    """An accepted order, of the type that its prices make."""
    kind = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP,
        (True, True): OrderType.STOP_LIMIT,
    }[limit is not None, stop is not None]
    made = replace(
        ORDER,
        id=order_id(number),
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        time_in_force=tif,
        limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
        status=Status.ACCEPTED,
        version=2,
    )
    return replace(made, **changes)


def a_bracket(number: int, *, profit: str, loss: str, quantity: str = "10", symbol: str = "AAPL") -> list[Order]:
    """A purchase at the market with its two legs."""
    entry = an_order(number, quantity=quantity, symbol=symbol, order_class=OrderClass.BRACKET)
    gain = an_order(number + 1, Side.SELL, limit=profit, type=OrderType.TAKE_PROFIT, leg=Leg.TAKE_PROFIT)
    end = an_order(number + 2, Side.SELL, stop=loss, leg=Leg.STOP_LOSS)
    family: dict[str, Any] = {
        "parent_id": entry.id,
        "oco_group": entry.id,
        "order_class": OrderClass.BRACKET,
        "status": Status.HELD,
    }
    return [entry, *(replace(leg, **family, quantity=Decimal(quantity), symbol=symbol) for leg in (gain, end))]


def opened(order: Order, **changes: Any) -> OpenOrder:
    """The order as PostgreSQL has it; it has stood from START_US on."""
    made = OpenOrder(order=order, exchange="XNAS", multiplier=Decimal(1), amount=Decimal(0), since_us=START_US)
    return replace(made, **changes)
