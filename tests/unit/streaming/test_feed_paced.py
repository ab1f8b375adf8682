"""Replay and simulation through the port: nothing lost, order and event times kept, never ahead of time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.clock import epoch_us
from lakehouse.contracts.reasons import Reason
from streaming.feed.layout import LayoutError
from streaming.feed.providers.replay import Replay
from streaming.feed.providers.simulated import Simulated
from tests.factories.feed_ticks import AsyncTime, collect

TICKS = """event_time,symbol,kind,price,bid_price,ask_price,exchange
2022-12-28T14:30:00Z,AAPL,trade,129.93,,,NQ
2022-12-28T14:30:01Z,AAPL,quote,,129.9,130.0,NQ
2022-12-28T14:30:01.5Z,IBM,trade,-4,,,N
2022-12-28T14:40:00Z,IBM,trade,141.2,,,N
"""


AFTER = datetime(2022, 12, 29, tzinfo=UTC)


def replay(tmp_path: Path, time: AsyncTime, speed: float | None) -> Replay:
    path = tmp_path / "ticks.csv"
    path.write_text(TICKS)
    return Replay([path], provider="replay", speed=speed, clock=time, sleep=time.wait)


def test_a_replay_keeps_event_times_and_order_and_hands_a_bad_row_on_with_its_place(tmp_path: Path) -> None:
    time = AsyncTime(AFTER)
    subject = replay(tmp_path, time, None)

    ticks, rejects = asyncio.run(collect(subject.quotes()))

    assert [(tick.symbol, tick.event_time_us) for tick in ticks] == [
        ("AAPL", 1_672_237_800_000_000),
        ("AAPL", 1_672_237_801_000_000),
        ("IBM", 1_672_238_400_000_000),
    ]
    assert [(tick.price, tick.bid_price, tick.exchange) for tick in ticks[:2]] == [
        (129.93, None, "NQ"),
        (None, 129.9, "NQ"),
    ]
    assert [(found.reason, found.source) for found in rejects] == [(Reason.NON_POSITIVE_PRICE, "ticks.csv:4")]
    assert time.elapsed_s == 0
    assert (subject.health.ticks, subject.health.rejects) == (3, 1)


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 600.0), (60.0, 10.0)])
def test_a_replay_takes_as_long_as_the_ticks_did_divided_by_its_speed(
    tmp_path: Path, speed: float, seconds: float
) -> None:
    time = AsyncTime(AFTER)

    ticks, _ = asyncio.run(collect(replay(tmp_path, time, speed).quotes()))

    assert time.elapsed_s == pytest.approx(seconds)
    assert len(ticks) == 3


def test_a_replay_can_be_played_again_and_answers_with_the_last_tick_of_a_symbol(tmp_path: Path) -> None:
    time = AsyncTime(AFTER)
    subject = replay(tmp_path, time, None)
    once, _ = asyncio.run(collect(subject.quotes()))
    again, _ = asyncio.run(collect(subject.quotes()))

    assert once == again
    assert asyncio.run(subject.snapshot(["IBM", "NONE"])).ticks == (once[-1],)


def test_a_replay_of_a_missing_file_or_of_bars_is_refused_before_the_first_tick(tmp_path: Path) -> None:
    time = AsyncTime()
    path = tmp_path / "bars.csv"
    path.write_text("symbol,business_date,close\nAAPL,2022-12-28,126.04\n")

    with pytest.raises(LayoutError):
        Replay([path], provider="replay", speed=None, clock=time, sleep=time.wait)


def simulated(time: AsyncTime, speed: float | None, seed: int = 7) -> Simulated:
    return Simulated(days=2, ticks_per_day=20, seed=seed, speed=speed, clock=time, sleep=time.wait)


def test_a_simulation_without_a_speed_keeps_its_trading_days_and_the_same_seed_gives_the_same_ticks() -> None:
    ticks, rejects = asyncio.run(collect(simulated(AsyncTime(), None).quotes()))
    again, _ = asyncio.run(collect(simulated(AsyncTime(), None).quotes()))
    other, _ = asyncio.run(collect(simulated(AsyncTime(), None, seed=8).quotes()))

    assert (len(ticks), rejects) == (2 * 20 * 20, [])
    assert ticks == again
    assert ticks != other
    assert max(tick.event_time_us for tick in ticks) == 1_672_261_200_000_000  # 2022-12-28 21:00 UTC, the bell


def test_a_simulated_tick_is_handed_on_at_its_own_time_which_starts_now() -> None:
    time = AsyncTime()
    now_us = epoch_us(time.now())

    async def lead_us() -> list[int]:
        subject = simulated(time, 100.0)
        return [tick.event_time_us - epoch_us(time.now()) async for batch in subject.quotes() for tick in batch.ticks]

    leads = asyncio.run(lead_us())
    # A day is as long as from its first tick to its last.
    assert epoch_us(time.now()) - now_us == pytest.approx(2 * 6.5 * 3600 * 1e6 / 100, rel=0.03)
    # Not ahead of its time by more than what a pause is not worth, and late by no more than the next tick is away.
    assert max(leads) <= 25_000
