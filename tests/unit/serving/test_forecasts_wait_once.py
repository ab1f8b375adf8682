"""A registry that is away costs all who ask for a forecast its time limit once, together."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from lakehouse.clock import SystemClock
from lakehouse.stores.models import RegistryUnavailableError
from ml.inference.models import Models
from serving.models.repository import ModelRepository
from serving.models.schemas import LEAST_CLOSES, OfValues, Source
from serving.models.service import ModelService

Found = TypeVar("Found")


class Away(ModelRepository):
    """A registry that says after a while that it is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun, self.enough = asyncio.Event(), asyncio.Event()

    async def ask(self, work: Callable[[Models], Found]) -> Found:
        self.asked += 1
        self.begun.set()
        await self.enough.wait()
        raise RegistryUnavailableError("it is away")


async def _asked_together(number: int) -> tuple[int, list[Any]]:
    registry = Away()
    service = ModelService(registry, SystemClock())
    values = OfValues(values=[100.0 + day % 7 for day in range(LEAST_CLOSES)])
    asking = [asyncio.ensure_future(service.forecast(values)) for _ in range(number)]
    await registry.begun.wait()
    registry.enough.set()
    answers = await asyncio.gather(*asking)
    return registry.asked, answers


def test_the_registry_is_asked_once_for_all() -> None:
    asked, answers = asyncio.run(_asked_together(8))
    assert asked == 1
    assert {answer.model.source for answer in answers} == {Source.BASELINE}
    assert {"MLflow" in answer.model.why for answer in answers} == {True}
