"""Redis."""

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry as SyncRetry

from lakehouse.settings import RedisSettings


def connect(section: RedisSettings) -> Redis:
    """A client that connects on first use."""
    return Redis(
        host=section.host,
        port=section.port,
        password=section.password.get_secret_value() or None,
        decode_responses=True,
    )


def connect_impatient(section: RedisSettings, *, timeout_s: float) -> Redis:
    """The same, of which nothing waits longer than `timeout_s` and nothing is tried twice."""
    return Redis(
        host=section.host,
        port=section.port,
        password=section.password.get_secret_value() or None,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=SyncRetry(NoBackoff(), 0),
    )


def connect_async(section: RedisSettings, *, retries: int = 3) -> AsyncRedis:
    """The same for the API; a command that cannot connect is tried `retries` times more."""
    return AsyncRedis(
        host=section.host,
        port=section.port,
        password=section.password.get_secret_value() or None,
        decode_responses=True,
        retry=Retry(ExponentialWithJitterBackoff(), retries),
    )
