"""Runs of an analysis session: one at a time, five measures side by side, nothing of a cancelled run is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from uuid import UUID

import structlog
from anyio import to_thread
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.risk.analysis import Measure
from lakehouse.stores.postgres import PostgresUnavailable
from serving.analysis import snapshot as snapshots
from serving.analysis.repository import AnalysisRepository
from serving.analysis.schemas import (
    Analyze,
    CancelledFrame,
    CompleteFrame,
    ErrorFrame,
    ResultFrame,
    SessionFrame,
    StartedFrame,
    ValueFrame,
)
from serving.analysis.snapshot import NotAnalyzable, Snapshot
from serving.analysis.state import SessionStore, key_of
from serving.kit.access import Principal
from serving.kit.problems import ApiError, DependencyUnavailable, InternalError
from serving.kit.types import money_out

DEADLINE_S = 10.0

log = structlog.get_logger(__name__)

Send = Callable[[BaseModel], Awaitable[None]]
"""Raises WebSocketDisconnect where the client has left or does not read."""


class AnalysisService:
    """Reads snapshots and keeps sessions; one for the application."""

    def __init__(self, repository: AnalysisRepository, store: SessionStore, clock: Clock) -> None:
        self._repository = repository
        self.store = store
        self.clock = clock

    async def snapshot(self, principal: Principal, portfolio_id: UUID | None) -> Snapshot:
        """The caller's portfolio, frozen. Raises NotAnalyzable and PostgresUnavailable."""
        found = await self._repository.portfolios(principal, portfolio_id)
        if not found:
            raise NotAnalyzable("You have no such portfolio: GET /api/v1/portfolios lists yours.")
        if len(found) > 1:
            raise NotAnalyzable("You have several portfolios: say which, by portfolio_id.")
        rows = await self._repository.values(found[0].id, found[0].base_currency, self.clock.now().date())
        closes = await self._repository.closes(found[0].id)
        return await to_thread.run_sync(snapshots.take, found[0], rows, closes)

    async def value_now(self, current: Snapshot) -> ValueFrame:
        """The portfolio's value at the newest quotes. Raises NotAnalyzable and PostgresUnavailable."""
        today = self.clock.now().date()
        rows = await self._repository.values(current.portfolio_id, current.currency, today)
        value = snapshots.total_value(rows, current.currency)
        return ValueFrame(
            portfolio_id=current.portfolio_id,
            total_value=money_out(value, current.currency),
            timestamp=self.clock.now(),
        )


class AnalysisSession:
    """One connected client. Frames leave one at a time, and a run's frame only while it is the current run."""

    def __init__(self, service: AnalysisService, principal: Principal, session_id: str, send: Send) -> None:
        self._service = service
        self._principal = principal
        self._send = send
        self.session_id = session_id
        self._key = key_of(principal.user_id, session_id)
        self._gate = asyncio.Lock()
        self._run: UUID | None = None
        self._ticker = ""
        self._task: asyncio.Task[None] | None = None
        self._snapshot: Snapshot | None = None

    async def open(self) -> None:
        """Send what the session was about."""
        state = await self._service.store.read(self._key)
        await self.tell(
            SessionFrame(
                session_id=self.session_id,
                current_analysis=state.ticker,
                results=state.results,
                total_value=state.total_value,
                is_stored=state.is_stored,
            )
        )

    async def analyze(self, command: Analyze) -> None:
        """Cancel the run that is under way and start another. Returns before it ends."""
        await self.cancel()
        run_id = uuid7(self._service.clock)
        async with self._gate:
            self._run, self._ticker = run_id, command.ticker
        self._task = asyncio.create_task(self._guarded(run_id, command))

    async def cancel(self) -> None:
        """Stop the current run, where there is one: after its `cancelled` frame nothing of it is sent."""
        async with self._gate:
            run_id, self._run = self._run, None
            if run_id is not None:
                await self._send(CancelledFrame(run_id=run_id, ticker=self._ticker))
        await self.close()

    async def close(self) -> None:
        """Stop without a word: the client has gone."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def tell(self, frame: BaseModel) -> None:
        """Send a frame that belongs to no run."""
        async with self._gate:
            await self._send(frame)

    async def refresh_value(self) -> None:
        """Keep and send the portfolio's value at the newest quotes."""
        current = self._snapshot
        if current is None:
            return
        try:
            frame = await self._service.value_now(current)
        except ApiError as error:
            await self.tell(ErrorFrame(code=error.code, detail=error.detail))
            return
        value = Decimal(frame.total_value.amount)
        await self._service.store.set_value(self._key, portfolio_id=current.portfolio_id, value=value)
        await self.tell(frame)

    async def _guarded(self, run_id: UUID, command: Analyze) -> None:
        """The run, and a frame for whatever ended it but its completion and its client's leaving."""
        try:
            error = await self._error_of(run_id, command)
            if error is not None and not _has_left(error):
                await self._tell_of(run_id, _frame_of(error, run_id))
        except WebSocketDisconnect:
            log.info("analysis client has left", session=self.session_id)
        finally:
            async with self._gate:
                if self._run == run_id:
                    self._run = None

    async def _error_of(self, run_id: UUID, command: Analyze) -> Exception | None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                (found,) = await asyncio.gather(self._analyze(run_id, command), return_exceptions=True)
        except TimeoutError as error:
            return error
        return found if isinstance(found, Exception) else None

    async def _analyze(self, run_id: UUID, command: Analyze) -> None:
        taken = await self._service.snapshot(self._principal, command.portfolio_id)
        if command.ticker not in taken.holdings.symbols:
            held = ", ".join(taken.holdings.symbols)
            raise NotAnalyzable(f"The portfolio does not hold {command.ticker}; it holds {held}.")
        self._snapshot = taken
        await self._service.store.begin(
            self._key,
            run_id=run_id,
            ticker=command.ticker,
            portfolio_id=taken.portfolio_id,
            value=taken.total_value,
        )
        started = StartedFrame(
            run_id=run_id,
            snapshot_id=taken.id,
            ticker=command.ticker,
            portfolio_id=taken.portfolio_id,
            as_of=taken.as_of,
            total_value=money_out(taken.total_value, taken.currency),
        )
        await self._tell_of(run_id, started)
        async with asyncio.TaskGroup() as group:
            for measure in Measure:
                group.create_task(self._measure(run_id, taken, command.ticker, measure))
        await self._tell_of(run_id, CompleteFrame(run_id=run_id, ticker=command.ticker))

    async def _measure(self, run_id: UUID, taken: Snapshot, ticker: str, measure: Measure) -> None:
        """Milliseconds of NumPy in a thread: it cannot be stopped, but its result is dropped once the run is not."""
        work = partial(taken.measure, measure, ticker)
        value, reason = await to_thread.run_sync(work, abandon_on_cancel=True)
        await self._service.store.add_result(self._key, run_id=run_id, metric=measure.value, value=value)
        frame = ResultFrame(
            run_id=run_id,
            snapshot_id=taken.id,
            ticker=ticker,
            metric=measure,
            value=value,
            reason=reason,
            timestamp=self._service.clock.now(),
        )
        await self._tell_of(run_id, frame)

    async def _tell_of(self, run_id: UUID, frame: BaseModel) -> None:
        async with self._gate:
            if self._run == run_id:
                await self._send(frame)


def _has_left(error: Exception) -> bool:
    """Whether nothing failed but sending to a client that is gone; measures side by side fail as a group."""
    if isinstance(error, ExceptionGroup):
        return error.split(WebSocketDisconnect)[1] is None
    return isinstance(error, WebSocketDisconnect)


def _frame_of(error: Exception, run_id: UUID) -> ErrorFrame:
    match error:
        case TimeoutError():
            detail = f"The analysis took longer than {DEADLINE_S:.0f} s and was stopped."
            return ErrorFrame(code="deadline", detail=detail)
        case ApiError():
            return ErrorFrame(code=error.code, detail=error.detail)
        case PostgresUnavailable():
            detail = "PostgreSQL does not answer: send the command again in a few seconds."
            return ErrorFrame(code=DependencyUnavailable.code, detail=detail)
        case _:
            log.error("analysis failed", run_id=str(run_id), error=type(error).__name__, exc_info=error)
            detail = f"The server failed on it; its log has it under the run's id {run_id}."
            return ErrorFrame(code=InternalError.code, detail=detail)
