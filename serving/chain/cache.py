"""Reads of the chain in Redis. What can change carries the number of the last write in its key: a write leaves all of
it behind, also what a slower reader is about to store. Without Redis everything is read from PostgreSQL.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

PREFIX: Final = "blockchain"
GENERATION: Final = f"{PREFIX}:generation"
TTL_S: Final = 300
PATIENCE_S: Final = 0.25  # a cache that is slower than the database is none

Model = TypeVar("Model", bound=BaseModel)

log = structlog.get_logger(__name__)


class ChainCache:
    """Keeps answers for TTL_S seconds; every failure of Redis is a miss."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def fixed(self, key: str, kind: type[Model], read: Callable[[], Awaitable[Model | None]]) -> Model | None:
        """What `read` gives, kept under `key`; for what never changes. None is not kept."""
        return await self._through(f"{PREFIX}:{key}", kind, read)

    async def current(self, key: str, kind: type[Model], read: Callable[[], Awaitable[Model | None]]) -> Model | None:
        """The same for what a write changes; the write's number is asked for before the database is."""
        generation = await self._ask(self._redis.get(GENERATION))
        if generation is _GONE:
            return await read()
        return await self._through(f"{PREFIX}:{generation or 0}:{key}", kind, read)

    async def written(self) -> None:
        """Leave behind what `current` keeps; call it after the commit. Where Redis is gone it is old for TTL_S."""
        await self._ask(self._redis.incr(GENERATION))

    async def _through(self, key: str, kind: type[Model], read: Callable[[], Awaitable[Model | None]]) -> Model | None:
        kept = await self._ask(self._redis.get(key))
        if isinstance(kept, str):
            try:
                return kind.model_validate_json(kept)
            except ValidationError:
                log.warning("chain cache holds something else", key=key)
        found = await read()
        if found is not None and kept is not _GONE:
            await self._ask(self._redis.set(key, found.model_dump_json(), ex=TTL_S))
        return found

    async def _ask(self, command: Awaitable[object]) -> object:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await command
        except (RedisError, OSError, TimeoutError):
            return _GONE


_GONE: Final = object()
