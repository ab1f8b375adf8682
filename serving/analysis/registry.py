"""The sessions that are connected to this process, for the market's updates and for a stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog

from lakehouse.errors import TidemarkError
from serving.analysis.schemas import ShutdownFrame
from serving.analysis.service import AnalysisSession

MAX_PER_USER = 16
GOING_AWAY = 1001

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
    async def updating(self, interval_s: float) -> AsyncIterator[None]:
        """Tell every session its portfolio's value each `interval_s`; at the end, tell all that the server stops."""
        updates = asyncio.create_task(self._update(interval_s))
        try:
            yield
        finally:
            updates.cancel()
            with suppress(asyncio.CancelledError):
                await updates
            await self._stop()

    async def _update(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            for session in tuple(self._sessions):
                try:
                    await session.refresh_value()
                except (TidemarkError, RuntimeError) as error:
                    log.warning("analysis value not updated", session=session.session_id, error=str(error))

    async def _stop(self) -> None:
        for session in tuple(self._sessions):
            with suppress(RuntimeError):  # the client left first
                await session.tell(ShutdownFrame())
            await session.close()
