"""What a room of the API brings along, and what it is made from: adding a resource is one line in `serving/api.py`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import APIRouter
from redis.asyncio import Redis

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from lakehouse.stores.marts import Marts
from serving.kit.database import Database
from serving.kit.idempotency import Idempotency
from serving.kit.metrics import Metrics
from serving.kit.problems import ApiError


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that lives as long as the API, with open connections; no engine needs to be up.

    `redis` is a cache and a bus: a room must do its work, slower, while it is gone. `redis` decodes to str.
    """

    settings: Settings
    clock: Clock
    database: Database
    marts: Marts
    redis: "Redis"
    idempotency: Idempotency
    metrics: Metrics


Services = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Room:
    """A resource's part of the API.

    `make` builds what endpoints find in `request.state`, by name. `run`, where there is one, is entered when the API
    starts and left when it stops: background work belongs there. `tags` are name and description for the documents.
    """

    routers: tuple[APIRouter, ...]
    make: Callable[[Platform], Services]
    refusals: tuple[type[ApiError], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    run: Callable[[Platform, Services], AbstractAsyncContextManager[None]] | None = None
