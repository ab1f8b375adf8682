"""Redis."""

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from lakehouse.settings import RedisSettings


def connect(section: RedisSettings) -> Redis:
    """A client that connects on first use."""
    return Redis(
        host=section.host,
        port=section.port,
        password=section.password.get_secret_value() or None,
        decode_responses=True,
    )


def connect_async(section: RedisSettings) -> AsyncRedis:
    """The same for the API."""
    return AsyncRedis(
        host=section.host,
        port=section.port,
        password=section.password.get_secret_value() or None,
        decode_responses=True,
    )
