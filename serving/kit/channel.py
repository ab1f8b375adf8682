"""What is said on a Redis channel while Redis is there; who listens must find by other ways what it missed."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from redis.asyncio import Redis

from lakehouse.clock import Clock

LISTEN_S: Final = 1.0
SILENCE_S: Final = 10.0


@asynccontextmanager
async def hearing(redis: "Redis", channel: str, clock: Clock) -> AsyncIterator[AsyncIterator[str | None]]:
    """The messages from the subscription on; None, at once and every second of silence, says that it is heard.

    Iterating raises RedisError, OSError, and TimeoutError after SILENCE_S without a sign of life.
    """
    async with aclosing(_messages(redis, channel, clock)) as messages:
        yield messages


async def _messages(redis: "Redis", channel: str, clock: Clock) -> AsyncGenerator[str | None, None]:
    async with redis.pubsub() as heard:
        await heard.subscribe(channel)
        last_s = clock.monotonic()
        while True:
            message = await heard.get_message(timeout=LISTEN_S)
            now_s = clock.monotonic()
            if message is None:
                if now_s - last_s > SILENCE_S:
                    raise TimeoutError
                await heard.ping()
                continue
            last_s = now_s
            yield str(message["data"]) if message["type"] == "message" else None
