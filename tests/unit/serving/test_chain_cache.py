"""The chain's cache without Redis: every read goes to its source, and a write does not fail."""

import asyncio

from pydantic import BaseModel

from lakehouse.settings import RedisSettings
from lakehouse.stores import redis
from serving.chain.cache import ChainCache
from tests.factories.ports import free_port


class Answer(BaseModel):
    """Something to keep."""

    number: int


def test_everything_is_read_from_its_source_while_redis_is_gone() -> None:
    asked: list[int] = []

    async def read() -> Answer:
        asked.append(len(asked))
        return Answer(number=len(asked))

    async def main() -> list[Answer | None]:
        client = redis.connect_async(RedisSettings(port=free_port()), retries=0)
        cache = ChainCache(client)
        found = [await cache.current("a", Answer, read), await cache.fixed("a", Answer, read)]
        await cache.written()
        found.append(await cache.current("a", Answer, read))
        await client.aclose()
        return found

    assert asyncio.run(main()) == [Answer(number=1), Answer(number=2), Answer(number=3)]
