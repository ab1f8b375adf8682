"""On the whole stack every dependency of the API answers, with its latency."""

import asyncio

import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from serving.health.room import ROOM
from serving.health.schemas import DependencyState, ReadinessReport
from serving.health.service import HealthService
from serving.kit.metrics import Metrics
from serving.wiring import services

pytestmark = pytest.mark.integration


async def readiness(settings: Settings) -> ReadinessReport:
    async with services(settings, clock=SystemClock(), metrics=Metrics(), rooms=(ROOM,)) as made:
        health = made["health"]
        assert isinstance(health, HealthService)
        await health.readiness()
        return await health.readiness()


def test_every_engine_answers(stack: Settings) -> None:
    patient = stack.serving.model_copy(update={"probe_timeout_s": 60.0})
    report = asyncio.run(readiness(stack.model_copy(update={"serving": patient})))
    assert {each.name for each in report.dependencies} == {"postgres", "clickhouse", "redis", "kafka", "s3"}
    assert [each.name for each in report.dependencies if each.state is DependencyState.DOWN] == []
    assert all(each.latency_ms > 0 for each in report.dependencies)
