"""Frames of an analysis session, both ways."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lakehouse.risk.analysis import Measure
from serving.kit.types import MoneyOut, Symbol

SESSION_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"


class Auth(BaseModel):
    """First frame of a client that cannot set the Authorization header."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["auth"]
    token: Annotated[str, Field(min_length=1, max_length=4096)] = Field(description="access token or API key")


class Analyze(BaseModel):
    """Start the measures of a holding; a run that is under way is cancelled."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["analyze"]
    ticker: Symbol = Field(description="a symbol that the portfolio holds")
    portfolio_id: UUID | None = Field(None, description="needed by who has several portfolios")


class Cancel(BaseModel):
    """Stop the run that is under way."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["cancel"]


Command = Annotated[Auth | Analyze | Cancel, Field(discriminator="action")]
COMMANDS: TypeAdapter[Auth | Analyze | Cancel] = TypeAdapter(Command)


class SessionFrame(BaseModel):
    """First frame of the server: what the session was about when it was last used."""

    type: Literal["session"] = "session"
    session_id: str
    current_analysis: str | None = Field(description="ticker of the last run")
    results: dict[str, float | None] = Field(description="what that run has answered")
    total_value: str | None = Field(description="value of the portfolio at the last market update")
    is_stored: bool = Field(description="false while the store of sessions does not answer: nothing is remembered")


class StartedFrame(BaseModel):
    """A run has begun; every frame of it names it."""

    type: Literal["analysis_started"] = "analysis_started"
    run_id: UUID
    snapshot_id: str = Field(description="hash of the data that all five measures are computed from")
    ticker: str
    portfolio_id: UUID
    as_of: str = Field(description="newest day of the prices")
    total_value: MoneyOut


class ResultFrame(BaseModel):
    """One measure of a run."""

    type: Literal["analysis_result"] = "analysis_result"
    run_id: UUID
    snapshot_id: str
    ticker: str
    metric: Measure
    value: float | None = Field(description="null where it cannot be computed: an absence, not a zero")
    reason: str | None = Field(description="why it is null")
    timestamp: datetime


class CompleteFrame(BaseModel):
    """All measures of a run were sent."""

    type: Literal["analysis_complete"] = "analysis_complete"
    run_id: UUID
    ticker: str


class CancelledFrame(BaseModel):
    """A run was cancelled; no frame of it follows."""

    type: Literal["cancelled"] = "cancelled"
    run_id: UUID
    ticker: str


class ValueFrame(BaseModel):
    """The market has moved: the portfolio's value now."""

    type: Literal["portfolio_value"] = "portfolio_value"
    portfolio_id: UUID
    total_value: MoneyOut
    timestamp: datetime


class ErrorFrame(BaseModel):
    """A command was refused; the session goes on."""

    type: Literal["error"] = "error"
    code: str
    detail: str


class ShutdownFrame(BaseModel):
    """The server stops: connect again, the session is kept."""

    type: Literal["server_shutdown"] = "server_shutdown"
