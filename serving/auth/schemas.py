"""What identity looks like on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serving.auth.passwords import LONGEST, SHORTEST
from serving.kit.access import Scope
from serving.kit.patch import MergePatch
from serving.kit.types import Optionally

EMAIL_PATTERN = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,40}(\.[A-Za-z0-9-]{1,36}){1,4}$"
PASSWORD_PATTERN = rf"^[^\x00-\x1f\x7f]{{{SHORTEST},{LONGEST}}}$"
DISPLAY_NAME_PATTERN = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,198}[^\x00-\x20\x7f])?$"
MAX_KEY_DAYS = 3660

Email = Annotated[
    str, Field(pattern=EMAIL_PATTERN, description="address to log in by, in any case", examples=["ann@example.com"])
]
Password = Annotated[
    str,
    Field(
        pattern=PASSWORD_PATTERN,
        description=f"{SHORTEST} to {LONGEST} characters of any kind; several words are better than odd signs",
        examples=["correct horse battery staple"],
        json_schema_extra={"format": "password"},
    ),
]
DisplayName = Annotated[str, Field(pattern=DISPLAY_NAME_PATTERN, description="name for people", examples=["Ann"])]


class Role(StrEnum):
    """An admin reads everything, and manages users and reference data."""

    ADMIN = "admin"
    USER = "user"


class UserStatus(StrEnum):
    """A disabled user is refused within seconds, with all sessions and keys."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Registration(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Password
    display_name: DisplayName


class Registered(BaseModel):
    """The same whether or not the address was new: who asks learns nothing about others."""

    status: Literal["accepted"] = Field("accepted", description="log in now; if that fails, the address was taken")
    next: Literal["/api/v1/auth/login"] = Field("/api/v1/auth/login", description="where to go on")


class Credentials(BaseModel):
    """What a user logs in by."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Password


class AccessToken(BaseModel):
    """Proof of a login for a few minutes. The refresh token is in a cookie, and nowhere else."""

    access_token: str = Field(description="send it as `Authorization: Bearer ...`")
    token_type: Literal["Bearer"] = Field("Bearer", description="how to send it")
    expires_in: int = Field(ge=1, description="seconds until it is refused; refresh before", examples=[600])
    session_id: UUID = Field(description="the session: DELETE /api/v1/auth/sessions/ID ends it")


class Me(BaseModel):
    """The user who asks, and what the token or key at hand may do."""

    id: UUID = Field(description="UUIDv7")
    email: str = Field(description="address to log in by")
    display_name: str = Field(description="name for people")
    role: Role
    created_at: datetime = Field(description="when the user registered")
    scopes: list[Scope] = Field(description="what the token or key at hand may do")
    session_id: UUID | None = Field(description="the session of the token; null for a key")
    api_key_id: UUID | None = Field(description="the key; null for a token")


class MePatch(MergePatch):
    """What a user may change about themselves. The role is not among it."""

    display_name: Optionally[DisplayName] = Field(None, description="name for people")


class PasswordChange(BaseModel):
    """A new password; every other session ends."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: Password


class SessionOut(BaseModel):
    """A login that has not ended."""

    id: UUID = Field(description="UUIDv7")
    created_at: datetime = Field(description="when it began")
    last_used_at: datetime = Field(description="when it was last refreshed")
    expires_at: datetime = Field(description="when it ends, however often it is refreshed")
    address: str = Field(description="IP address of the login")
    user_agent: str = Field(description="program of the login, as it calls itself")
    is_current: bool = Field(description="true for the session of the token at hand")


class SessionList(BaseModel):
    """Live sessions, newest first."""

    data: list[SessionOut]


def _known_once(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


class ApiKeyCreate(BaseModel):
    """A key for a program."""

    model_config = ConfigDict(extra="forbid")

    name: DisplayName = Field(description="what you call it", examples=["nightly report"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=64), AfterValidator(_known_once)] = Field(
        description="what it may do; at most what you may", examples=[["portfolios:read", "risk:read"]]
    )
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_KEY_DAYS)] = Field(365, description="days until it is refused")


class ApiKeyOut(BaseModel):
    """A key without its secret."""

    id: UUID = Field(description="UUIDv7")
    name: str = Field(description="what you call it")
    prefix: str = Field(description="how it begins", examples=["td_a2b3c4d5e6f7g"])
    scopes: list[Scope] = Field(description="what it may do")
    created_at: datetime = Field(description="when it was made")
    expires_at: datetime | None = Field(description="from when it is refused; null: never")
    last_used_at: datetime | None = Field(description="when it was last used, to the minute; null: never")


class ApiKeyMade(ApiKeyOut):
    """A new key, with its secret: it is shown this once."""

    key: str = Field(description="send it as `X-API-Key`; it cannot be shown again")


class ApiKeyList(BaseModel):
    """Keys that are not revoked, newest first."""

    data: list[ApiKeyOut]
