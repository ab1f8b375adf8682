"""Readiness: all probes at once, each within its own time limit, one run for however many callers ask meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from serving.health.schemas import Dependencies, DependencyHealth, DependencyState, Readiness, ReadinessReport
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Probe:
    """A named round trip; `check` returns when the engine answered and raises a TidemarkError when not."""

    name: str
    required: bool
    check: Callable[[], Awaitable[None]]


class NotReady(ApiError):
    """An engine that the API cannot do without is down; `dependencies` shows which."""

    status = 503
    code = "not_ready"
    title = "The API cannot do its work"
    retryable = True


class Draining(ApiError):
    """The API was told to stop: it finishes what it has and takes nothing new."""

    status = 503
    code = "draining"
    title = "The API is being stopped"
    retryable = True


class HealthService:
    """Asks every dependency whether it answers."""

    def __init__(
        self,
        probes: tuple[Probe, ...],
        *,
        clock: Clock,
        metrics: Metrics,
        timeout_s: float,
        lifecycle: Lifecycle | None = None,
    ) -> None:
        self._lifecycle = lifecycle or Lifecycle()
        self._probes = probes
        self._clock = clock
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._running: asyncio.Task[ReadinessReport] | None = None

    async def require_ready(self) -> ReadinessReport:
        """The report. Raises NotReady with it where a required dependency is down, Draining where the API ends."""
        report = await self._unless_draining()
        if report.status is Readiness.NOT_READY:
            down = ", ".join(each.name for each in report.dependencies if each.state is DependencyState.DOWN)
            found = Dependencies(dependencies=report.dependencies)
            raise NotReady(f"Down: {down}. `tidemark doctor` says why.", extension=found)
        return report

    async def _unless_draining(self) -> ReadinessReport:
        """The report; whoever waits for it when the end begins hears of that at once."""
        asking, ending = asyncio.create_task(self.readiness()), asyncio.create_task(self._lifecycle.draining())
        try:
            await asyncio.wait({asking, ending}, return_when=asyncio.FIRST_COMPLETED)
            if self._lifecycle.is_draining:
                raise Draining("It is being stopped: ask another instance.", extension=Dependencies(dependencies=[]))
            return await asking
        finally:
            asking.cancel()
            ending.cancel()

    async def readiness(self) -> ReadinessReport:
        """The report, within the time limit of one probe: they run side by side."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._probe_all())
        return await asyncio.shield(self._running)

    async def _probe_all(self) -> ReadinessReport:
        found = await asyncio.gather(*(self._probe(probe) for probe in self._probes))
        return ReadinessReport(status=verdict(found), dependencies=found)

    async def _probe(self, probe: Probe) -> DependencyHealth:
        started = self._clock.monotonic()
        reason = await self._reason_down(probe)
        seconds = self._clock.monotonic() - started
        self._metrics.probed(dependency=probe.name, up=reason is None, seconds=seconds)
        return DependencyHealth(
            name=probe.name,
            state=DependencyState.UP if reason is None else DependencyState.DOWN,
            required=probe.required,
            latency_ms=round(seconds * 1000, 2),
            reason=reason,
        )

    async def _reason_down(self, probe: Probe) -> str | None:
        """None where it answered; never the engine's own words, which may name hosts and users."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await probe.check()
        except TimeoutError:
            return "timeout"
        except TidemarkError as error:
            log.warning("dependency down", dependency=probe.name, error=str(error))
            return "unavailable"
        return None


def verdict(found: list[DependencyHealth]) -> Readiness:
    """not_ready where a required dependency is down, degraded where only others are."""
    down = [each for each in found if each.state is DependencyState.DOWN]
    if any(each.required for each in down):
        return Readiness.NOT_READY
    return Readiness.DEGRADED if down else Readiness.READY
