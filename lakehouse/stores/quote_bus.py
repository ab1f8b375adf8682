"""The bus on which accepted quotes travel from whoever wrote them to every hub: Redis, which may be gone."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.domain.quote import LatestQuote
from lakehouse.errors import TidemarkError

CHANNEL = "quotes"
LATEST_KEY = "quotes:latest"
COUNTER_KEY = "quotes:published"

log = structlog.get_logger(__name__)

# One call keeps the hash and tells the hubs; the number shows a hub that it has missed one. A publisher that was
# overtaken between its commit and this call does not put an older price into the hash.
PUBLISH: Final = """
    local told = {}
    for i = 2, #ARGV, 3 do
        local held = redis.call('HGET', KEYS[1], ARGV[i])
        if not held or tonumber(string.match(held, '^%d+')) < tonumber(ARGV[i + 1]) then
            redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
        end
        told[#told + 1] = ARGV[i + 2]
    end
    local number = redis.call('INCR', KEYS[2])
    redis.call('PUBLISH', ARGV[1], number .. ' [' .. table.concat(told, ',') .. ']')
    return number
"""


class MessageUnreadable(TidemarkError, ValueError):
    """A message on the channel that `publish` did not write."""


async def publish(redis: "Redis", accepted: Sequence[LatestQuote]) -> bool:
    """Tell every hub, after the commit. False where Redis is gone: hubs then find the change in PostgreSQL."""
    if not accepted:
        return True
    words: list[str | int] = [CHANNEL]
    for row in accepted:
        words += [row.symbol, row.version, encode(row)]
    try:
        await redis.eval(PUBLISH, 2, LATEST_KEY, COUNTER_KEY, *words)
    except RedisError as error:
        log.warning("quotes not published", error=type(error).__name__, quotes=len(accepted))
        return False
    return True


async def kept(redis: "Redis") -> list[LatestQuote]:
    """What the bus last carried of each symbol; nothing where Redis is gone or was emptied."""
    try:
        held = await redis.hvals(LATEST_KEY)
    except RedisError:
        return []
    return [_row(orjson.loads(str(text).partition(" ")[2])) for text in held]


def read(message: str) -> tuple[int, list[LatestQuote]]:
    """The number and rows of a message. Raises MessageUnreadable; a number that is not the next shows a gap."""
    number, _, body = message.partition(" ")
    try:
        return int(number), [_row(each) for each in orjson.loads(body)]
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise MessageUnreadable(f"not a message of quotes: {message[:80]!r}") from error


def encode(row: LatestQuote) -> str:
    """JSON of a row, with decimals as text."""
    return orjson.dumps(asdict(row), default=str).decode()


def _row(found: dict[str, Any]) -> LatestQuote:
    return LatestQuote(
        symbol=found["symbol"],
        price=Decimal(found["price"]),
        bid=_decimal(found["bid"]),
        ask=_decimal(found["ask"]),
        bid_size=_decimal(found["bid_size"]),
        ask_size=_decimal(found["ask_size"]),
        previous_close=_decimal(found["previous_close"]),
        currency=found["currency"],
        provider=found["provider"],
        as_of=datetime.fromisoformat(found["as_of"]),
        updated_at=datetime.fromisoformat(found["updated_at"]),
        version=found["version"],
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
