"""An order that cannot lapse keeps no other waiting, and one sweep ends all that is due."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from lakehouse.stores.books import orders
from lakehouse.stores.books.orders import Due, OrderUnknown
from serving.orders import sweeper
from serving.orders.counting import OrderCounts

LAPSED = datetime(2026, 3, 2, tzinfo=UTC)


class NoDatabase:
    """Transactions of nothing: the store is told what to do below."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield


@pytest.mark.parametrize("count", [3, sweeper.AT_ONCE, 2 * sweeper.AT_ONCE + 1])
def test_the_others_lapse_and_only_they_are_counted(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    open_orders = {UUID(int=number): Due(LAPSED, UUID(int=number)) for number in range(1, count + 1)}

    async def due(_: object, *, after: Due, limit: int, **__: object) -> list[Due]:
        waiting = sorted(open_orders.values(), key=lambda each: (each.expires_at, each.id))
        return [each for each in waiting if (each.expires_at, each.id) > (after.expires_at, after.id)][:limit]

    async def expire(_: object, order_id: UUID, **__: object) -> bool:
        if order_id == UUID(int=1):
            raise OrderUnknown("an order that cannot end")
        del open_orders[order_id]
        return True

    monkeypatch.setattr(orders, "due", due)
    monkeypatch.setattr(orders, "expire", expire)
    clock = SimpleNamespace(now=lambda: LAPSED)
    lifecycle = SimpleNamespace(is_draining=False)
    platform: Any = SimpleNamespace(database=NoDatabase(), clock=clock, lifecycle=lifecycle)
    registry = CollectorRegistry()
    ended = asyncio.run(sweeper.sweep(platform, OrderCounts(registry)))
    assert ended == count - 1
    assert list(open_orders) == [UUID(int=1)]
    assert registry.get_sample_value("tidemark_orders_expired_total") == count - 1
