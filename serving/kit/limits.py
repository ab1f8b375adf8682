"""How often a caller may ask: sliding windows in Redis, drawn from in blocks, so that most requests ask nobody.

Accuracy: never more than the quota over all processes. A process takes a block of at most a second's worth, for two
seconds; what it does not use of a block is lost, so a caller may get that much less.
While Redis is gone every process counts for itself: the quota then holds a process, and no request fails for it.
"""

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.util import WindowStats
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.clock import Clock
from serving.kit.context import LIMITS, address_of
from serving.kit.problems import ApiError, TooManyRequests

WINDOW_S = 60
LEASE_S = 2.0
BLOCKS = 60  # a block is at most this part of the quota
BREAK_S = 1.0
MAX_CALLERS = 20_000
NAMESPACE = "tidemark"

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class LimitsUnavailable(ApiError):
    """Attempts at a password cannot be counted while Redis is gone, so none is made."""

    status = 503
    code = "limits_unavailable"
    title = "Attempts cannot be counted right now"
    retryable = True


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests a minute; `name` stands in the RateLimit headers."""

    name: str
    per_minute: int

    @property
    def item(self) -> RateLimitItemPerMinute:
        return RateLimitItemPerMinute(self.per_minute, namespace=NAMESPACE)

    @property
    def largest_block(self) -> int:
        return max(1, self.per_minute // BLOCKS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a caller has left. `reset_s` is the time until more is to be had."""

    quota: Quota
    remaining: int
    reset_s: int
    is_refused: bool = False

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit (draft 11 of the IETF), their older forms, and Retry-After of a refusal."""
        quota, left, reset = self.quota, self.remaining, self.reset_s
        found = [
            (b"ratelimit-policy", f'"{quota.name}";q={quota.per_minute};w={WINDOW_S}'.encode()),
            (b"ratelimit", f'"{quota.name}";r={left};t={reset}'.encode()),
            (b"x-ratelimit-limit", b"%d" % quota.per_minute),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % reset),
        ]
        return [*found, (b"retry-after", b"%d" % max(1, reset))] if self.is_refused else found


@dataclass(slots=True)
class _Lease:
    """What this process may still hand out to one caller without asking Redis."""

    left: int = 0
    block: int = 0
    taken_at: float = -math.inf
    until: float = -math.inf
    shared: int = 0
    reset_at: float = 0.0
    refused_until: float = -math.inf
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limits:
    """Quotas of callers, by name."""

    def __init__(self, redis: Redis, clock: Clock, *, quota: Quota, anonymous: Quota, patience_s: float) -> None:
        self.quota = quota
        self.anonymous = anonymous
        self.patience_s = patience_s
        self._clock = clock
        options: dict[str, Any] = {"connection_pool": redis.connection_pool, "key_prefix": "tidemark:limits"}
        shared = RedisStorage("redis://", implementation="redispy", **options)
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._broken_until = -math.inf
        self._leases: dict[str, _Lease] = {}

    async def charge(self, state: dict[str, Any], caller: str, quota: Quota) -> None:
        """Count one request of `caller`; the answer gets the headers. Raises TooManyRequests."""
        lease = self._leases.get(caller)
        now = self._clock.monotonic()
        if lease is not None and lease.left > 0 and now < lease.until:
            lease.left -= 1
            verdict = self._verdict(lease, quota, now)
        else:
            verdict = await self._draw(caller, quota)
        state[LIMITS] = verdict
        if verdict.is_refused:
            raise TooManyRequests(f"{quota.per_minute} requests a minute are used up; Retry-After says how to go on.")

    def refuse_exhausted(self, state: dict[str, Any], caller: str, quota: Quota) -> None:
        """Raise TooManyRequests where `caller` was refused a moment ago; asks nobody and counts nothing."""
        lease = self._leases.get(caller)
        now = self._clock.monotonic()
        if lease is not None and now < lease.refused_until:
            state[LIMITS] = self._verdict(lease, quota, now, is_refused=True)
            raise TooManyRequests("Too many requests without a valid token; Retry-After says how to go on.")

    async def charge_strictly(self, caller: str, quota: Quota) -> None:
        """Count one attempt, in Redis or not at all. Raises TooManyRequests and LimitsUnavailable."""
        try:
            granted = await self._in_time(self._shared.hit(quota.item, quota.name, caller))
            stats = (
                None if granted else await self._in_time(self._shared.get_window_stats(quota.item, quota.name, caller))
            )
        except (RedisError, TimeoutError, OSError) as error:
            raise LimitsUnavailable("Try again in a moment; /health/ready shows every dependency.") from error
        if stats is not None:
            wait = max(1, math.ceil(stats.reset_time - self._clock.now().timestamp()))
            raise TooManyRequests(
                f"{quota.per_minute} attempts a minute are used up.", headers={"Retry-After": str(wait)}
            )

    async def _draw(self, caller: str, quota: Quota) -> Verdict:
        lease = self._lease_of(caller)
        async with lease.lock:
            now = self._clock.monotonic()
            if now < lease.refused_until:
                return self._verdict(lease, quota, now, is_refused=True)
            if lease.left > 0 and now < lease.until:
                lease.left -= 1
                return self._verdict(lease, quota, now)
            return await self._take(lease, caller, quota, now)

    async def _take(self, lease: _Lease, caller: str, quota: Quota, now: float) -> Verdict:
        """A new block: twice the last one where that was used up, a single request otherwise."""
        was_used_up = lease.left == 0 and now < lease.taken_at + LEASE_S
        block = min(max(1, lease.block * 2), quota.largest_block) if was_used_up else 1
        granted, stats = await self._ask(caller, quota, block)
        lease.block, lease.taken_at, lease.until = granted, now, now + LEASE_S
        lease.left = max(0, granted - 1)
        lease.shared = stats.remaining
        reset_s = max(0.0, stats.reset_time - self._clock.now().timestamp())
        lease.reset_at = now + reset_s
        if granted == 0:
            lease.refused_until = now + min(max(reset_s, 0.05), 1.0)
        return self._verdict(lease, quota, now, is_refused=granted == 0)

    async def _ask(self, caller: str, quota: Quota, block: int) -> tuple[int, WindowStats]:
        """The requests granted (the block, one, or none) and what is left, by Redis or, while that is gone, by us."""
        if self._clock.monotonic() >= self._broken_until:
            try:
                return await self._in_time(_acquire(self._shared, caller, quota, block))
            except (RedisError, TimeoutError, OSError) as error:
                self._broken_until = self._clock.monotonic() + BREAK_S
                log.warning("limits counted by this process alone", error=type(error).__name__)
        return await _acquire(self._local, caller, quota, block)

    def _lease_of(self, caller: str) -> _Lease:
        lease = self._leases.get(caller)
        if lease is None:
            if len(self._leases) >= MAX_CALLERS:
                del self._leases[next(iter(self._leases))]
            lease = self._leases[caller] = _Lease()
        return lease

    async def _in_time(self, call: Awaitable[Result]) -> Result:
        async with asyncio.timeout(self.patience_s):
            return await call

    def _verdict(self, lease: _Lease, quota: Quota, now: float, *, is_refused: bool = False) -> Verdict:
        reset_s = max(0, math.ceil(lease.reset_at - now))
        return Verdict(quota, 0 if is_refused else lease.shared + lease.left, reset_s, is_refused)


async def _acquire(
    limiter: SlidingWindowCounterRateLimiter, caller: str, quota: Quota, block: int
) -> tuple[int, WindowStats]:
    for cost in dict.fromkeys((block, 1)):
        if await limiter.hit(quota.item, quota.name, caller, cost=cost):
            return cost, await limiter.get_window_stats(quota.item, quota.name, caller)
    return 0, await limiter.get_window_stats(quota.item, quota.name, caller)


def address_key(state: dict[str, Any]) -> str:
    """The name under which an address is counted: an IPv6 network of 64 bits belongs to one caller."""
    address = address_of(state)
    try:
        found = ip_address(address)
    except ValueError:
        return f"ip:{address}"
    return f"ip:{ip_network((found, 64), strict=False)}" if isinstance(found, IPv6Address) else f"ip:{found}"
