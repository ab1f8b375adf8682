"""What clients may say, in both dialects: the v1 protocol (`op`) and the seeds' messages (`type`)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lakehouse.errors import TidemarkError

MAX_FRAME_BYTES = 64 * 1024
_SYMBOL = "^[A-Z0-9][A-Z0-9.^=/_-]{0,31}$"
_ID = "^[A-Za-z0-9._:-]{1,64}$"

Symbols = Annotated[list[Annotated[str, Field(pattern=_SYMBOL)]], Field(max_length=5000)]
Secret = Annotated[str, Field(min_length=1, max_length=4096)]


class Channel(StrEnum):
    """What can be followed. Quotes are conflated; the others drop nothing."""

    QUOTES = "quotes"
    ORDERS = "orders"
    PORTFOLIO = "portfolio"
    ALERTS = "alerts"


class Command(BaseModel):
    """A message of a client; `id` comes back with the answer."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=_ID)] | None = Field(None, description="comes back with the answer")


class Auth(Command):
    """First message of a client that sent no header: an access token or an API key."""

    op: Literal["auth"]
    token: Secret | None = Field(None, description="access token of POST /api/v1/auth/login")
    api_key: Secret | None = Field(None, description="API key, in place of a token")


class Subscribe(Command):
    """Follow symbols of `quotes`, or one of the channels of your own events."""

    op: Literal["subscribe"]
    channel: Channel = Channel.QUOTES
    symbols: Symbols = Field(default_factory=list, description="for quotes")
    since_seq: int | None = Field(
        None, ge=0, lt=2**63, description="for the other channels: go on after this seq in place of a snapshot"
    )


class Unsubscribe(Command):
    """Stop following; without symbols, the whole channel."""

    op: Literal["unsubscribe"]
    channel: Channel = Channel.QUOTES
    symbols: Symbols = Field(default_factory=list)


class Resync(Command):
    """Send the snapshot again: a gap between seq and prev_seq was seen."""

    op: Literal["resync"]
    channel: Channel = Channel.QUOTES
    symbols: Symbols = Field(default_factory=list, description="without symbols: all that are followed")
    since_seq: int | None = Field(None, ge=0, lt=2**63)


class Ping(Command):
    """Answered with `pong`."""

    op: Literal["ping"]


class SeedSubscribe(BaseModel):
    """The seeds' message: follow exactly these symbols."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["subscribe"]
    symbols: Symbols


class SeedUpdate(BaseModel):
    """The seeds' message: a snapshot now; with symbols, follow exactly these from now on."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["update"]
    symbols: Symbols | None = None


class SeedAuth(BaseModel):
    """The first message in the seeds' dialect, where no header could be sent."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["auth"]
    token: Secret


Spoken = Annotated[Auth | Subscribe | Unsubscribe | Resync | Ping, Field(discriminator="op")]
Seeds = Annotated[SeedAuth | SeedSubscribe | SeedUpdate, Field(discriminator="type")]
AnyCommand = Auth | Subscribe | Unsubscribe | Resync | Ping | SeedAuth | SeedSubscribe | SeedUpdate

_V1: TypeAdapter[Auth | Subscribe | Unsubscribe | Resync | Ping] = TypeAdapter(Spoken)
_SEEDS: TypeAdapter[SeedAuth | SeedSubscribe | SeedUpdate] = TypeAdapter(Seeds)


class NoCommand(TidemarkError, ValueError):
    """A message that is no command; the text says what is wrong with it."""


def read(text: str) -> AnyCommand:
    """The command that a message holds. Raises NoCommand."""
    try:
        if '"op"' in text:
            return _V1.validate_json(text)
        return _SEEDS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"]) or "message"
        raise NoCommand(f"{where}: {first['msg']}; /asyncapi.json describes every message.") from error
