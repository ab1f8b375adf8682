"""Whatever a client sends and however slow the machine is: nothing of a cancelled run follows its `cancelled` frame."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel

from lakehouse.clock import ManualClock
from lakehouse.risk.analysis import Holdings, Measure
from serving.analysis.schemas import Analyze
from serving.analysis.service import AnalysisService, AnalysisSession
from serving.analysis.snapshot import Snapshot
from serving.analysis.state import SessionState, SessionStore
from serving.kit.access import Principal

SYMBOLS = ("AAA", "BBB", "CCC")
PORTFOLIO = UUID(int=7)
RUN_FRAMES = {"analysis_started", "analysis_result", "analysis_complete"}
STEPS = st.lists(st.tuples(st.sampled_from([*SYMBOLS, "cancel"]), st.integers(0, 6)), min_size=1, max_size=12)


class Forgetful(SessionStore):
    """Remembers nothing, after a turn of the loop: what is stored is not this test's question."""

    def __init__(self) -> None:
        """Without Redis."""

    async def read(self, key: str) -> SessionState:
        return SessionState()

    async def begin(self, key: str, *, run_id: UUID, ticker: str, portfolio_id: UUID, value: Decimal) -> None:
        await asyncio.sleep(0)

    async def add_result(self, key: str, *, run_id: UUID, metric: str, value: float | None) -> None:
        await asyncio.sleep(0)


class Slow(AnalysisService):
    """Snapshots of one portfolio, each after some turns of the loop."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.clock = ManualClock(datetime(2022, 12, 28, tzinfo=UTC))
        self.store = Forgetful()

    async def snapshot(self, principal: Principal, portfolio_id: UUID | None) -> Snapshot:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        prices = np.exp(np.random.default_rng(1).normal(0, 0.01, (300, 3)).cumsum(axis=0))
        return Snapshot("s", PORTFOLIO, "USD", Decimal("3.00"), "2022-12-28", Holdings(SYMBOLS, np.ones(3), prices))


async def conversation(steps: Sequence[tuple[str, int]], turns: int) -> list[BaseModel]:
    """What a client receives that sends the steps, each after some turns of the loop, and then waits for the end."""
    frames: list[BaseModel] = []

    async def send(frame: BaseModel) -> None:
        await asyncio.sleep(0)  # a slow socket gives others a turn in the middle of a frame
        frames.append(frame)

    session = AnalysisSession(Slow(turns), Principal(UUID(int=1), frozenset()), "s", send)
    for what, pause in steps:
        for _ in range(pause):
            await asyncio.sleep(0.0005)
        if what == "cancel":
            await session.cancel()
        else:
            await session.analyze(Analyze(action="analyze", ticker=what))
    for _ in range(20_000):
        if len(asyncio.all_tasks()) == 1:  # this one
            break
        await asyncio.sleep(0.001)
    await session.close()
    return frames


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 4))
def test_no_frame_of_an_old_run_follows(steps: list[tuple[str, int]], turns: int) -> None:
    frames = asyncio.run(conversation(steps, turns))
    over: set[UUID] = set()
    for frame in frames:
        found = frame.model_dump()
        if found["type"] == "cancelled":
            over.add(found["run_id"])
        elif found["type"] in RUN_FRAMES:
            assert found["run_id"] not in over
    begun = [what for what, _ in steps if what != "cancel"]
    if steps[-1][0] != "cancel":
        last = [found for found in frames if getattr(found, "ticker", None) == begun[-1]]
        run_id = last[-1].model_dump()["run_id"]
        results = [found for found in frames if getattr(found, "run_id", None) == run_id]
        assert {found.model_dump()["metric"] for found in results if hasattr(found, "metric")} == set(Measure)
        assert results[-1].model_dump()["type"] == "analysis_complete"
