"""Guessing passwords is slow: each attempt is counted before the password is looked at, and pauses double.

From one address an account gets five attempts, then pauses of 1, 2, 4 ... seconds, at most 15 minutes. Over all
addresses it gets fifty, then pauses of at most a minute: whoever attacks an account from elsewhere cannot keep its
owner out for longer. Both are forgotten an hour after the last attempt, the first also by a login that works.
Redis holds the counters; while it is gone nobody can try (503), and sessions that exist go on.
"""

import asyncio
import hashlib
import math

from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.kit.limits import Limits, LimitsUnavailable, Quota
from serving.kit.problems import TooManyRequests

FREE, LONGEST_S = 5, 900
FREE_EVERYWHERE, LONGEST_EVERYWHERE_S = 50, 60
REMEMBERED_S = 3600

# KEYS: count and pause of the account at this address, then of the account everywhere. Answers the pause in ms, 0: go.
ATTEMPT = """
local wait = 0
for i = 2, 4, 2 do
  local left = redis.call('PTTL', KEYS[i])
  if left > wait then wait = left end
end
if wait > 0 then return wait end
for i = 1, 3, 2 do
  local free, longest = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local count = redis.call('INCR', KEYS[i])
  redis.call('EXPIRE', KEYS[i], ARGV[5])
  if count >= free then
    local pause = math.min(2 ^ math.min(count - free, 20), longest)
    redis.call('SET', KEYS[i + 1], '1', 'PX', math.floor(pause * 1000))
  end
end
return 0
"""


class Throttle:
    """Attempts by account and address."""

    def __init__(self, redis: Redis, limits: Limits, *, attempts_per_minute: int) -> None:
        self._redis = redis
        self._attempt = redis.register_script(ATTEMPT)
        self._limits = limits
        self._quota = Quota("attempts", attempts_per_minute)

    async def admit_address(self, address: str) -> None:
        """Count a registration. Raises TooManyRequests and LimitsUnavailable."""
        await self._limits.charge_strictly(address, self._quota)

    async def admit(self, email: str, address: str) -> None:
        """Count an attempt at an account, whether or not there is one. Raises TooManyRequests and LimitsUnavailable."""
        await self.admit_address(address)
        arguments = (FREE, LONGEST_S, FREE_EVERYWHERE, LONGEST_EVERYWHERE_S, REMEMBERED_S)
        try:
            async with asyncio.timeout(self._limits.patience_s):
                wait_ms = await self._attempt(keys=_names(email, address), args=arguments)
        except (RedisError, TimeoutError, OSError) as error:
            raise LimitsUnavailable("Try again in a moment; /health/ready shows every dependency.") from error
        if wait_ms > 0:
            wait_s = max(1, math.ceil(wait_ms / 1000))
            raise TooManyRequests(
                "Too many attempts at this account: wait, then try again.", headers={"Retry-After": str(wait_s)}
            )

    async def forgive(self, email: str, address: str) -> None:
        """A login has worked: the account starts anew at this address. Nothing is lost where Redis just went."""
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await self._redis.delete(*_names(email, address)[:2])
        except (RedisError, TimeoutError, OSError):
            return


def _names(email: str, address: str) -> list[str]:
    """No address of a person in Redis; one slot for all four, as a cluster wants."""
    account = hashlib.sha256(email.encode()).hexdigest()[:32]
    pair = hashlib.sha256(f"{email} {address}".encode()).hexdigest()[:32]
    root = f"tidemark:attempts:{{{account}}}"
    return [f"{root}:{pair}", f"{root}:{pair}:pause", f"{root}:all", f"{root}:all:pause"]
