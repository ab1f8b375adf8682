"""What alerts look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.alerting.rules import Kind
from lakehouse.stores.alerting import Origin, Severity, digits
from serving.kit.crud.listing import ListQuery
from serving.kit.types import Instant, Optionally, Symbol

MAX_SEEN = 500


def _text(value: object) -> object:
    return digits(value) if isinstance(value, float) else value


Measured = Annotated[str, BeforeValidator(_text), Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["119.98"])]


class AlertOut(BaseModel):
    """A rule that was broken. It never changes; its owner acknowledges it."""

    id: UUID = Field(description="UUIDv7: ids sort by the time of writing")
    rule_id: UUID = Field(description="rule, which may be gone")
    subject: str = Field(description="symbol, portfolio, or portfolio:symbol of a position")
    sequence: int = Field(description="which crossing of the rule it is; negative where the monitor found it")
    source: Origin = Field(description="hot: by the tick itself; monitor: by the quarter-hourly look")
    owner_id: UUID = Field(description="user that owns the rule")
    portfolio_id: UUID | None = Field(description="portfolio; null of a rule on a symbol")
    symbol: str | None = Field(description="instrument; null of a rule on a portfolio", examples=["AAPL"])
    kind: Kind = Field(description="when the rule is broken")
    severity: Severity = Field(description="how much it matters")
    at: datetime = Field(description="event time of the tick that did it, or of the second that passed")
    value: Measured = Field(description="what went over or under the bound")
    bound: Measured = Field(description="the limit as a price, seconds, or the portfolio's currency")
    tick_topic: str | None = Field(description="Kafka topic of the tick that did it; null where time alone did")
    tick_partition: int | None = Field(description="its partition")
    tick_offset: int | None = Field(description="its offset")
    message: str = Field(description="what happened, for people")
    created_at: datetime = Field(description="when it was written")
    acknowledged_at: datetime | None = Field(description="when it was seen; null before")
    acknowledged_by: UUID | None = Field(description="who has seen it")


class AlertQuery(ListQuery):
    """The query of the history."""

    portfolio_id: Optionally[UUID] = Field(None, description="only of this portfolio and its positions")
    rule_id: Optionally[UUID] = Field(None, description="only of this rule")
    symbol: Optionally[Symbol] = Field(None, description="only of this instrument")
    kind: Optionally[Kind] = Field(None, description="only of rules of this kind")
    severity: Optionally[Severity] = Field(None, description="only of this severity")
    source: Optionally[Origin] = Field(None, description="only those that this found")
    happened_from: Optionally[Instant] = Field(None, description="only those that happened at or after it")
    happened_to: Optionally[Instant] = Field(None, description="only those that happened before it")
    acknowledged: Optionally[bool] = Field(None, description="only those that were seen, or only those that were not")
    sort: Literal["id", "-id", "at", "-at"] = Field(
        "id", description="order; `-` for descending: `-id` is the newest first"
    )


class Seen(BaseModel):
    """Alerts that you have seen."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_SEEN)] = Field(description="alerts of yours")


class SeenOut(BaseModel):
    """What was noted."""

    acknowledged: int = Field(ge=0, description="alerts that were not acknowledged before, and are now")
    data: list[AlertOut] = Field(description="each alert that was named, in that order")
