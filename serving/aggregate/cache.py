"""A cache that may be gone: whoever cannot reach it does the work, and asks again a little later."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock

TTL_S: Final = 300
PATIENCE_S: Final = 0.25
SHUNNED_S: Final = 5.0

log = structlog.get_logger(__name__)


class AggregateCache:
    """One entry a user. The revision is part of the entry: one of before a write is never served after it."""

    def __init__(self, redis: "Redis", clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._shunned_until = float("-inf")

    async def get(self, user_id: UUID, revision: str) -> bytes | None:
        """The document of that revision, or None: also where Redis does not answer."""
        if self._is_shunned():
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                kept = await self._redis.get(_key(user_id))
        except (RedisError, OSError, TimeoutError) as error:
            self._shun(error)
            return None
        text = kept.decode() if isinstance(kept, bytes) else kept or ""
        known, _, document = text.partition("\n")
        return document.encode() if document and known == revision else None

    async def put(self, user_id: UUID, revision: str, document: bytes) -> None:
        """Keep the document for five minutes, where Redis answers."""
        if self._is_shunned():
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.set(_key(user_id), f"{revision}\n{document.decode()}", ex=TTL_S)
        except (RedisError, OSError, TimeoutError) as error:
            self._shun(error)

    def _is_shunned(self) -> bool:
        return self._clock.monotonic() < self._shunned_until

    def _shun(self, error: Exception) -> None:
        self._shunned_until = self._clock.monotonic() + SHUNNED_S
        log.warning("cache unreachable", error=type(error).__name__, again_s=SHUNNED_S)


def _key(user_id: UUID) -> str:
    return f"portfolio:aggregate:{user_id}"
