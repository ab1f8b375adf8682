"""What administration looks like on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from serving.auth.schemas import Role, UserStatus
from serving.kit.paging import Page
from serving.kit.patch import MergePatch
from serving.kit.types import Omittable, Optionally, Text

Part = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]


class UserQuery(BaseModel):
    """Filters of the list of users."""

    model_config = ConfigDict(extra="forbid")

    email: Optionally[Part] = Field(None, description="only addresses that contain this text, in any case")
    role: Optionally[Role] = Field(None, description="only users of this role")
    status: Optionally[UserStatus] = Field(None, description="only users of this status")
    starting_after: Optionally[UUID] = Field(None, description="id after which the page starts")
    limit: int = Field(50, ge=1, le=200, description="rows on a page")


class UserOut(BaseModel):
    """A user as administrators see it. Nothing of a password is ever shown."""

    id: UUID = Field(description="UUIDv7: ids sort by the time of registration")
    email: str = Field(description="address to log in by")
    display_name: str = Field(description="name for people")
    role: Role
    status: UserStatus
    live_sessions: int = Field(ge=0, description="logins that have not ended")
    live_api_keys: int = Field(ge=0, description="keys that are not revoked")
    version: int = Field(ge=1, description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when the user registered")
    updated_at: datetime = Field(description="when it last changed")


class UserPage(Page[UserOut]):
    """A page of users, by id."""


class UserPatch(MergePatch):
    """What an administrator may change about another user."""

    role: Optionally[Role] = Field(None, description="what the user may do")
    status: Optionally[UserStatus] = Field(None, description="whether the user may log in")


class AuditQuery(BaseModel):
    """Filters of the audit log."""

    model_config = ConfigDict(extra="forbid")

    actor_id: Optionally[UUID] = Field(None, description="only what this user did")
    action: Optionally[Annotated[str, Field(pattern="^[a-z][a-z_.]{1,79}$")]] = Field(
        None, description="only this kind of deed", examples=["session.started"]
    )
    object_kind: Optionally[Annotated[str, Field(pattern="^[a-z_]{1,40}$")]] = Field(
        None, description="only deeds to this kind of object"
    )
    object_id: Optionally[Part] = Field(None, description="only deeds to this object")
    starting_after: Optionally[UUID] = Field(None, description="id after which the page starts; older ones follow")
    limit: int = Field(50, ge=1, le=200, description="rows on a page")


class AuditEventOut(BaseModel):
    """One deed."""

    id: UUID = Field(description="UUIDv7")
    chain: int = Field(ge=0, le=15, description="the chain that it stands in")
    seq: int = Field(ge=1, description="its place in the chain")
    occurred_at: datetime = Field(description="when")
    actor_id: UUID | None = Field(description="who; null where nobody was logged in")
    actor_kind: str = Field(description="session, key, system or anonymous")
    action: str = Field(description="what was done", examples=["session.started"])
    object_kind: str = Field(description="to what kind of object", examples=["session"])
    object_id: str = Field(description="to which")
    before: Any = Field(description="what was there")
    after: Any = Field(description="what is there since")
    request_id: str = Field(description="X-Request-ID of the request")
    address: str = Field(description="IP address of the caller")
    hash: str = Field(description="sha256 over its content and the row before it, in hexadecimal digits")


class AuditPage(Page[AuditEventOut]):
    """A page of the audit log, newest first."""


class UserCounts(BaseModel):
    """Users and what they log in by."""

    total: int = Field(ge=0, description="all users but the system's own")
    active: int = Field(ge=0, description="those who may log in")
    admins: int = Field(ge=0, description="active administrators")
    registered_last_day: int = Field(ge=0, description="new in the last 24 hours")
    live_sessions: int = Field(ge=0, description="logins that have not ended")
    live_api_keys: int = Field(ge=0, description="keys that are not revoked")


class BookCounts(BaseModel):
    """What the books hold."""

    portfolios: int = Field(ge=0)
    accounts: int = Field(ge=0)
    positions: int = Field(ge=0)
    transactions: int = Field(ge=0)
    orders: dict[str, int] = Field(description="orders by status")


class OutboxState(BaseModel):
    """Events that have not left PostgreSQL yet."""

    waiting: int = Field(ge=0, description="events that are not published")
    oldest_age_s: float | None = Field(description="age of the oldest of them; null where none waits")


class RequestCounts(BaseModel):
    """Requests of this process since it started."""

    total: int = Field(ge=0)
    client_errors: int = Field(ge=0, description="answers 400 to 499")
    server_errors: int = Field(ge=0, description="answers from 500 on")
    in_flight: int = Field(ge=0, description="requests being answered")
    mean_ms: float | None = Field(description="mean time of an answer; null before the first")


class CacheState(BaseModel):
    """Redis, as it tells of itself."""

    is_up: bool
    used_memory_bytes: int | None = Field(description="null while it is down")
    keys: int | None = Field(description="null while it is down")
    hits: int | None = Field(description="reads that found their key, since it started")
    misses: int | None = Field(description="reads that did not")


class Dashboard(BaseModel):
    """The platform in numbers, read when it was asked for."""

    as_of: datetime = Field(description="when it was read")
    users: UserCounts
    books: BookCounts
    outbox: OutboxState
    requests: RequestCounts
    cache: CacheState


class DagRunOut(BaseModel):
    """One run of a DAG."""

    run_id: str
    state: str = Field(description="queued, running, success or failed")
    partition_key: str | None = Field(description="the day that it is for")
    started_at: datetime | None
    ended_at: datetime | None


class DagOut(BaseModel):
    """A DAG and its newest run."""

    dag_id: str
    last_run: DagRunOut | None = Field(description="null where it never ran")


class SchedulerStatus(BaseModel):
    """Airflow, as it answers."""

    as_of: datetime = Field(description="when Airflow was asked")
    url: str = Field(description="where people look at it")
    components: dict[str, str] = Field(description="healthy, or not, by component")
    is_healthy: bool = Field(description="true where every component is, and every DAG file could be read")
    dags: list[DagOut] = Field(description="by id")
    broken_files: list[str] = Field(description="DAG files that could not be read")


class HaltIn(BaseModel):
    """Whose trading shall stop: a user's, a portfolio's, or, where neither is named, everybody's."""

    model_config = ConfigDict(extra="forbid")

    user_id: Omittable[UUID] = Field(None, description="stop this user")
    portfolio_id: Omittable[UUID] = Field(None, description="stop this portfolio")
    reason: Text = Field(description="why: who is refused reads it", examples=["a strategy runs away"])


class HaltOut(BaseModel):
    """A switch that stops trading, until it is lifted."""

    id: UUID
    scope: Literal["everybody", "user", "portfolio"]
    user_id: UUID | None
    portfolio_id: UUID | None
    reason: str
    set_by: UUID = Field(description="admin who set it")
    set_at: datetime
    lifted_by: UUID | None = Field(description="admin who lifted it; null while it holds")
    lifted_at: datetime | None


class HaltList(BaseModel):
    """The switches that hold, oldest first."""

    data: list[HaltOut]
