"""The sessions that are connected to this process, for the market's updates and for a stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import structlog
from starlette.websockets import WebSocketDisconnect

from lakehouse.errors import TidemarkError
from serving.analysis.schemas import ShutdownFrame
from serving.analysis.service import AnalysisSession
from serving.kit.lifecycle import background
from serving.kit.metrics import Metrics

MAX_PER_USER = 16
UPDATE_S = 8.0  # longer than a client may take to read a frame
GOODBYE_S = 2.0

log = structlog.get_logger(__name__)


class Registry:
    """Connected sessions, by user."""

    def __init__(self) -> None:
        self._sessions: dict[AnalysisSession, UUID] = {}

    def add(self, session: AnalysisSession, user_id: UUID) -> bool:
        """Whether there was room for one more of that user."""
        if sum(owner == user_id for owner in self._sessions.values()) >= MAX_PER_USER:
            return False
        self._sessions[session] = user_id
        return True

    def remove(self, session: AnalysisSession) -> None:
        """Forget a session that has ended."""
        self._sessions.pop(session, None)

    @asynccontextmanager
    async def updating(self, interval_s: float, metrics: Metrics) -> AsyncIterator[None]:
        """Tell every session its portfolio's value each `interval_s`; at the end, tell all that the server stops."""
        try:
            async with background(metrics, analysis_values=partial(self._update, interval_s)):
                yield
        finally:
            await asyncio.gather(*map(_goodbye, tuple(self._sessions)))

    async def _update(self, interval_s: float) -> None:
        """All sessions side by side: one that reads slowly keeps no other waiting longer than UPDATE_S."""
        while True:
            await asyncio.sleep(interval_s)
            await asyncio.gather(*map(self.update, tuple(self._sessions)))

    async def update(self, session: AnalysisSession) -> None:
        """One session. One whose client has left is forgotten; one whose value cannot be read now stays."""
        try:
            async with asyncio.timeout(UPDATE_S):
                await session.refresh_value()
        except WebSocketDisconnect:
            self.remove(session)
            log.info("analysis client has left", session=session.session_id)
        except (TidemarkError, TimeoutError, RuntimeError) as error:
            log.warning("analysis value not updated", session=session.session_id, error=repr(error))


async def _goodbye(session: AnalysisSession) -> None:
    try:
        async with asyncio.timeout(GOODBYE_S):
            await session.tell(ShutdownFrame())
    except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
        log.info("analysis client left before the server", session=session.session_id, error=repr(error))
    await session.close()
