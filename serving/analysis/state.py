"""What a session remembers, in Redis: every change is one script, so that two writers never see half of it."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

TTL_S = 24 * 3600

# Each script refreshes the time to live, because each is an interaction; only the market's own update is none.
BEGIN: Final = """
    redis.call('DEL', KEYS[1] .. ':results')
    redis.call('HSET', KEYS[1], 'run', ARGV[1], 'ticker', ARGV[2], 'portfolio', ARGV[3], 'value', ARGV[4])
    redis.call('EXPIRE', KEYS[1], ARGV[5])
    return 1
"""
RESULT: Final = """
    if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1] .. ':results', ARGV[2], ARGV[3])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
    redis.call('EXPIRE', KEYS[1] .. ':results', ARGV[4])
    return 1
"""
VALUE: Final = """
    if redis.call('HGET', KEYS[1], 'portfolio') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'value', ARGV[2])
    return 1
"""
READ: Final = """
    if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
    redis.call('EXPIRE', KEYS[1], ARGV[1])
    redis.call('EXPIRE', KEYS[1] .. ':results', ARGV[1])
    return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[1] .. ':results')}
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session as it was last used; all empty for a new one. `is_stored` is false where Redis does not answer."""

    ticker: str | None = None
    portfolio_id: UUID | None = None
    total_value: str | None = None
    results: dict[str, float | None] = field(default_factory=dict)
    is_stored: bool = True


class SessionStore:
    """Sessions of all users. Without Redis a session works and remembers nothing: no method raises RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._begin = redis.register_script(BEGIN)
        self._result = redis.register_script(RESULT)
        self._value = redis.register_script(VALUE)
        self._read = redis.register_script(READ)

    async def read(self, key: str) -> SessionState:
        """The session, whose life this prolongs."""
        try:
            found = await self._read(keys=[key], args=[TTL_S])
        except RedisError as error:
            return _unstored(key, error)
        if not found:
            return SessionState()
        fields, results = _pairs(found[0]), _pairs(found[1])
        return SessionState(
            ticker=fields.get("ticker"),
            portfolio_id=UUID(fields["portfolio"]) if "portfolio" in fields else None,
            total_value=fields.get("value"),
            results={name: json.loads(value) for name, value in results.items()},
        )

    async def begin(self, key: str, *, run_id: UUID, ticker: str, portfolio_id: UUID, value: Decimal) -> None:
        """Make `run_id` the session's run and forget the results of the one before."""
        try:
            await self._begin(keys=[key], args=[str(run_id), ticker, str(portfolio_id), str(value), TTL_S])
        except RedisError as error:
            _unstored(key, error)

    async def add_result(self, key: str, *, run_id: UUID, metric: str, value: float | None) -> None:
        """Keep a result, unless the session has gone on to another run."""
        try:
            await self._result(keys=[key], args=[str(run_id), metric, json.dumps(value), TTL_S])
        except RedisError as error:
            _unstored(key, error)

    async def set_value(self, key: str, *, portfolio_id: UUID, value: Decimal) -> None:
        """Keep the portfolio's value, unless the session is about another portfolio by now."""
        try:
            await self._value(keys=[key], args=[str(portfolio_id), str(value)])
        except RedisError as error:
            _unstored(key, error)


def key_of(user_id: UUID, session_id: str) -> str:
    """Sessions belong to users: another user's session of the same name is another session."""
    return f"analysis:{{{user_id}:{session_id}}}"


def _unstored(key: str, error: RedisError) -> SessionState:
    log.warning("analysis session not stored", key=key, error=str(error))
    return SessionState(is_stored=False)


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
