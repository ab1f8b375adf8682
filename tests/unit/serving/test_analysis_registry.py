"""Sessions whose clients left or fail: the others are told what they must be told, and a mistake is seen."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect

from lakehouse.clock import ManualClock
from serving.analysis.registry import Registry
from serving.analysis.schemas import Analyze
from serving.analysis.service import AnalysisService, AnalysisSession
from serving.analysis.snapshot import Snapshot
from serving.kit.access import Principal
from serving.kit.metrics import Metrics

USER = UUID(int=1)


class Mistaken(AnalysisService):
    """Fails as no one expected."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2022, 12, 28, tzinfo=UTC))

    async def snapshot(self, principal: Principal, portfolio_id: UUID | None) -> Snapshot:
        raise ZeroDivisionError


class Ticked(AnalysisSession):
    """Tells its client that the value was asked for."""

    asked = 0
    enough: asyncio.Event | None = None

    async def refresh_value(self) -> None:
        self.asked += 1
        if self.enough is not None and self.asked >= 3:
            self.enough.set()
        await self.tell(Analyze(action="analyze", ticker="AAA"))


def session_of(send: Callable[[BaseModel], None]) -> Ticked:
    async def sending(frame: BaseModel) -> None:
        send(frame)

    return Ticked(Mistaken(), Principal(USER, frozenset()), "s", sending)


def gone(_: BaseModel) -> None:
    raise WebSocketDisconnect


def test_a_client_that_left_stops_neither_the_updates_nor_the_goodbyes() -> None:
    frames: list[BaseModel] = []
    registry, left, there = Registry(), session_of(gone), session_of(frames.append)

    async def live() -> None:
        registry.add(left, USER)
        registry.add(there, USER)
        there.enough = asyncio.Event()
        async with asyncio.timeout(60), registry.updating(0.001, Metrics()):
            await there.enough.wait()
            registry.add(left, USER)  # as if it left in the last moment

    asyncio.run(live())
    assert left.asked < there.asked
    assert frames[-1].model_dump() == {"type": "server_shutdown"}


def test_a_mistake_ends_the_run_with_a_frame_and_a_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    frames: list[BaseModel] = []

    async def live() -> None:
        told = asyncio.Event()

        def send(frame: BaseModel) -> None:
            frames.append(frame)
            told.set()

        session = session_of(send)
        await session.analyze(Analyze(action="analyze", ticker="AAA"))
        async with asyncio.timeout(60):
            await told.wait()
        await session.close()

    asyncio.run(live())
    (frame,) = frames
    assert frame.model_dump()["code"] == "internal_error"
    assert "ZeroDivisionError" in capsys.readouterr().out
