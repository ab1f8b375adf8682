"""What health looks like on the wire."""

from enum import StrEnum

from pydantic import BaseModel, Field

from serving.kit.problems import Problem


class Readiness(StrEnum):
    """`degraded`: an engine is down that no route of this API needs."""

    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"


class DependencyState(StrEnum):
    """What the last round trip showed."""

    UP = "up"
    DOWN = "down"


class Live(BaseModel):
    """The process answers; nothing else was looked at."""

    status: str = Field("live", examples=["live"])
    version: str = Field(description="version of Tidemark", examples=["0.1.0"])


class DependencyHealth(BaseModel):
    """One round trip to an engine."""

    name: str = Field(examples=["postgres"])
    state: DependencyState
    required: bool = Field(description="true where the API is not ready without it")
    latency_ms: float = Field(ge=0, description="time of the round trip, or until it was given up")
    reason: str | None = Field(description="why it is down, in a word; the log has the rest under the request id")


class Dependencies(BaseModel):
    """One entry an engine."""

    dependencies: list[DependencyHealth]


class ReadinessReport(Dependencies):
    """Whether the API can do its work."""

    status: Readiness


class NotReadyProblem(Problem, Dependencies):
    """A problem that shows which engines are down."""
