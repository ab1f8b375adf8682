"""What a room of the API brings along, and what it is made from: adding a resource is one line in `serving/api.py`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import APIRouter
from redis.asyncio import Redis

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from lakehouse.stores.marts import Marts
from serving.kit.database import Database
from serving.kit.idempotency import Idempotency
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that lives as long as the API, with open connections; no engine needs to be up.

    `redis` is a cache and a bus: a room must do its work, slower, while it is gone. `redis` decodes to str.
    `lifecycle` tells background work and sockets when the API begins to end.
    """

    settings: Settings
    clock: Clock
    database: Database
    marts: Marts
    redis: "Redis"
    idempotency: Idempotency
    metrics: Metrics
    lifecycle: Lifecycle = field(default_factory=Lifecycle)


Services = Mapping[str, object]
Service = TypeVar("Service")


def service(services: Services, name: str, kind: type[Service]) -> Service:
    """The service of that name. Raises TypeError where another kind of thing has it: a mistake of the wiring."""
    found = services[name]
    if not isinstance(found, kind):
        raise TypeError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
    return found


@dataclass(frozen=True, slots=True)
class Room:
    """A resource's part of the API.

    `make` builds what endpoints find in `request.state`, by name. `run`, where there is one, is entered when the API
    starts and left when it stops: background work belongs there. `tags` are name and description for the documents.
    `guidance` is for what cannot be written by design: the start of a path, and what to do instead (said by its 405).
    """

    routers: tuple[APIRouter, ...]
    make: Callable[[Platform], Services]
    refusals: tuple[type[ApiError], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    run: Callable[[Platform, Services], AbstractAsyncContextManager[None]] | None = None
    guidance: Mapping[str, str] = field(default_factory=dict)
