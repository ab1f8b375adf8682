"""Readiness is bounded, runs side by side, once for all who ask, and says nothing that an engine said."""

import asyncio

import pytest

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from serving.health.schemas import Dependencies, DependencyState, Readiness, ReadinessReport
from serving.health.service import HealthService, NotReady, Probe
from serving.kit.metrics import Metrics

LIMIT_S = 60.0
SHORT_S = 0.2
CLOCK = SystemClock()


async def passes() -> None:
    await asyncio.sleep(0)


async def hangs() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise TidemarkError("host db.internal refused user tidemark")


def report_of(*probes: Probe, metrics: Metrics | None = None, timeout_s: float = LIMIT_S) -> ReadinessReport:
    service = HealthService(probes, clock=CLOCK, metrics=metrics or Metrics(), timeout_s=timeout_s)
    return asyncio.run(service.readiness())


def test_all_up_is_ready() -> None:
    report = report_of(Probe("a", required=True, check=passes), Probe("b", required=False, check=passes))
    assert report.status is Readiness.READY
    assert [each.name for each in report.dependencies] == ["a", "b"]


def test_only_a_required_one_makes_it_not_ready() -> None:
    assert report_of(Probe("a", required=False, check=fails)).status is Readiness.DEGRADED
    assert report_of(Probe("a", required=True, check=fails)).status is Readiness.NOT_READY


def test_not_ready_is_a_problem_that_shows_every_dependency() -> None:
    probes = (Probe("a", required=True, check=fails), Probe("b", required=True, check=passes))
    service = HealthService(probes, clock=CLOCK, metrics=Metrics(), timeout_s=LIMIT_S)
    with pytest.raises(NotReady, match="Down: a") as refusal:
        asyncio.run(service.require_ready())
    assert isinstance(refusal.value.extension, Dependencies)
    assert [each.name for each in refusal.value.extension.dependencies] == ["a", "b"]


def test_hanging_engines_cost_one_time_limit_together() -> None:
    seen: list[str] = []

    async def noted() -> None:
        seen.append("asked")
        try:
            await hangs()
        finally:
            seen.append("left")

    report = report_of(*(Probe(str(number), required=True, check=noted) for number in range(5)), timeout_s=SHORT_S)
    assert seen == ["asked"] * 5 + ["left"] * 5
    assert {each.reason for each in report.dependencies} == {"timeout"}
    assert all(each.latency_ms >= SHORT_S * 1000 * 0.9 for each in report.dependencies)


def test_the_engines_own_words_stay_in_the_log() -> None:
    report = report_of(Probe("a", required=True, check=fails))
    assert report.dependencies[0].state is DependencyState.DOWN
    assert report.dependencies[0].reason == "unavailable"
    assert "internal" not in report.model_dump_json()


def test_callers_that_ask_at_once_share_one_round() -> None:
    rounds = 0

    async def counts() -> None:
        nonlocal rounds
        rounds += 1
        await asyncio.sleep(0.02)

    async def many() -> None:
        probe = Probe("a", required=True, check=counts)
        service = HealthService((probe,), clock=CLOCK, metrics=Metrics(), timeout_s=LIMIT_S)
        await asyncio.gather(*(service.readiness() for _ in range(20)))
        await service.readiness()

    asyncio.run(many())
    assert rounds == 2


def test_the_verdict_is_a_metric() -> None:
    metrics = Metrics()
    report_of(Probe("a", required=True, check=fails), Probe("b", required=True, check=passes), metrics=metrics)
    text = metrics.text().decode()
    assert 'tidemark_dependency_up{dependency="a"} 0.0' in text
    assert 'tidemark_dependency_up{dependency="b"} 1.0' in text
