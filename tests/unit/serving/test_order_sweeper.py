"""An order that cannot lapse keeps no other waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from lakehouse.stores.books import orders
from lakehouse.stores.books.orders import OrderUnknown
from serving.orders import sweeper
from serving.orders.counting import OrderCounts

DUE = [UUID(int=number) for number in range(1, 4)]


class NoDatabase:
    """Transactions of nothing: the store is told what to do below."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield


def test_the_others_lapse_and_only_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def due(*_: object, **__: object) -> list[UUID]:
        return DUE

    async def expire(_: object, order_id: UUID, **__: object) -> bool:
        if order_id == DUE[0]:
            raise OrderUnknown("an order that cannot end")
        return True

    monkeypatch.setattr(orders, "due", due)
    monkeypatch.setattr(orders, "expire", expire)
    platform: Any = SimpleNamespace(database=NoDatabase(), clock=SimpleNamespace(now=lambda: None))
    registry = CollectorRegistry()
    ended = asyncio.run(sweeper.sweep(platform, OrderCounts(registry)))
    assert ended == 2
    assert registry.get_sample_value("tidemark_orders_expired_total") == 2.0
