"""Work beside the requests goes on after a failure, and a failure is seen when it happens."""

import asyncio

import pytest

from serving.kit import lifecycle
from serving.kit.lifecycle import background
from serving.kit.metrics import Metrics


def test_work_that_fails_is_counted_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "RESTART_S", 0.0)
    metrics, done, begun = Metrics(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ValueError("a mistake")
        done.set()

    async def live() -> None:
        async with background(metrics, mistaken=work), asyncio.timeout(60):
            await done.wait()

    asyncio.run(live())
    assert begun == 3
    assert metrics.registry.get_sample_value("tidemark_background_failures_total", {"work": "mistaken"}) == 2.0


def test_the_end_of_the_block_cancels_the_work_and_waits_for_it() -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    async def live() -> None:
        async with background(Metrics(), endless=work), asyncio.timeout(60):
            await begun.wait()
        ended.append("block")

    asyncio.run(live())
    assert ended == ["work", "block"]
