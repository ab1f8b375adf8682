"""Quotas: exact where it matters, cheap where it is hot, and no reason to fail without Redis."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import RedisSettings
from lakehouse.stores import redis as store
from serving.kit.context import LIMITS
from serving.kit.limits import Limits, LimitsUnavailable, Quota, Verdict, address_key
from serving.kit.problems import TooManyRequests
from tests.factories.ports import free_port
from tests.factories.redis_server import redis_server

pytestmark = pytest.mark.integration

CLOCK = ManualClock(SystemClock().now())  # what a process has taken is not lost, however slow the machine is
ANONYMOUS = Quota("anonymous", 10)


@dataclass
class Counting:
    """How many commands reached Redis."""

    client: Redis

    async def commands(self) -> int:
        stats = await self.client.info("commandstats")
        return int(sum(each["calls"] for name, each in stats.items() if "evalsha" in name))


@pytest.fixture(scope="module")
def section() -> Iterator[RedisSettings]:
    with redis_server() as found:
        yield found


def limits_of(section: RedisSettings, per_minute: int) -> tuple[Limits, Redis]:
    client = store.connect_async(section, retries=0)
    quota = Quota("default", per_minute)
    # A Redis that a busy machine lets answer late is not gone.
    return Limits(client, CLOCK, quota=quota, anonymous=ANONYMOUS, patience_s=60.0), client


async def spend(limits: Limits, caller: str, quota: Quota, times: int) -> tuple[int, Verdict]:
    """How many of `times` requests were let in, and the last verdict."""
    granted = 0
    state: dict[str, Any] = {}
    for _ in range(times):
        try:
            await limits.charge(state, caller, quota)
            granted += 1
        except TooManyRequests:
            continue
    return granted, state[LIMITS]


@pytest.mark.parametrize("per_minute", [1, 7, 120, 1000])
def test_a_quota_is_what_it_says(section: RedisSettings, per_minute: int) -> None:
    async def run() -> tuple[int, Verdict]:
        limits, client = limits_of(section, per_minute)
        try:
            return await spend(limits, f"user:{per_minute}", limits.quota, per_minute + 50)
        finally:
            await client.aclose()

    granted, last = asyncio.run(run())
    assert granted == per_minute
    assert last.is_refused
    assert dict(last.headers())[b"ratelimit"].startswith(b'"default";r=0;t=')
    assert int(dict(last.headers())[b"retry-after"]) >= 1


def test_processes_share_a_quota_and_callers_do_not(section: RedisSettings) -> None:
    async def run() -> tuple[int, int, int]:
        (one, first), (two, second) = limits_of(section, 300), limits_of(section, 300)
        try:
            shared = await asyncio.gather(spend(one, "user:a", one.quota, 300), spend(two, "user:a", two.quota, 300))
            other, _ = await spend(one, "user:b", one.quota, 100)
            return shared[0][0], shared[1][0], other
        finally:
            await first.aclose()
            await second.aclose()

    by_one, by_two, other = asyncio.run(run())
    assert by_one + by_two <= 300
    assert by_one + by_two >= 300 - 2 * Quota("default", 300).largest_block
    assert other == 100


def test_a_hot_caller_seldom_asks_redis(section: RedisSettings) -> None:
    async def run() -> tuple[int, int]:
        limits, client = limits_of(section, 60_000)
        try:
            before = await Counting(client).commands()
            granted, _ = await spend(limits, "user:hot", limits.quota, 5000)
            return granted, await Counting(client).commands() - before
        finally:
            await client.aclose()

    granted, asked = asyncio.run(run())
    assert granted == 5000
    assert asked < 100


def test_without_redis_each_process_counts_for_itself() -> None:
    async def run() -> int:
        limits, client = limits_of(RedisSettings(port=free_port()), 50)
        try:
            return (await spend(limits, "user:c", limits.quota, 80))[0]
        finally:
            await client.aclose()

    assert asyncio.run(run()) == 50


def test_attempts_at_a_password_are_not_made_without_redis() -> None:
    async def run() -> None:
        limits, client = limits_of(RedisSettings(port=free_port()), 50)
        try:
            await limits.charge_strictly("127.0.0.1", Quota("attempts", 5))
        finally:
            await client.aclose()

    with pytest.raises(LimitsUnavailable):
        asyncio.run(run())


def test_attempts_are_counted_exactly(section: RedisSettings) -> None:
    async def run() -> list[str]:
        limits, client = limits_of(section, 50)

        async def attempt() -> str:
            try:
                await limits.charge_strictly("127.0.0.9", Quota("attempts", 5))
            except TooManyRequests as error:
                return f"refused {int(error.headers['Retry-After']) >= 1}"
            return "made"

        try:
            return await asyncio.gather(*(attempt() for _ in range(20)))
        finally:
            await client.aclose()

    assert sorted(asyncio.run(run())) == ["made"] * 5 + ["refused True"] * 15


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "ip:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("unknown", "ip:unknown"),
    ],
)
def test_an_address_is_counted_by_who_has_it(address: str, name: str) -> None:
    assert address_key({"address": address}) == name
