"""The newest quote of a symbol: each side by its own time, no crossed pair, no price where none is known."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from lakehouse.contracts.topics import TICKS
from lakehouse.domain.quote import LatestQuote, Quote
from streaming.kit.decode import Decoder
from streaming.quotes.columns import ticks_of
from streaming.quotes.enriched import message_of
from streaming.quotes.newest import Newest, newest_from, newest_of
from tests.factories.tick_days import BEGAN_US, Tick, message

WHEN = datetime.fromtimestamp(BEGAN_US / 1e6, UTC)


def tick(after_us: int, **more: object) -> Tick:
    return {
        "symbol": "AAPL",
        "event_time_us": BEGAN_US + after_us,
        "provider": "p",
        "sequence": 0,
        "kind": "quote",
        **more,
    }


def told(*ticks: Tick, ahead: bool = False) -> Newest | None:
    rows = Decoder(TICKS, max_message_bytes=10_000).decode([message(each) for each in ticks]).rows
    count = rows.num_rows
    made = ticks_of(rows, np.zeros(count, np.int32), np.arange(count), np.full(count, ahead))
    return newest_of(made, np.ones(len(made.symbols), np.bool_)).get("AAPL")


def quoted(newest: Newest | None) -> Quote | None:
    assert newest is not None
    return newest.quote("AAPL", "USD")


ROW = LatestQuote(
    symbol="AAPL",
    price=Decimal(10),
    bid=None,
    ask=None,
    bid_size=None,
    ask_size=None,
    previous_close=None,
    currency="USD",
    provider="p",
    as_of=WHEN,
    updated_at=WHEN,
    version=3,
)


def test_each_side_is_the_newest_by_event_time_whatever_came_last() -> None:
    found = quoted(
        told(
            tick(3, kind="trade", price=12.0, size=1.0),
            tick(9, bid_price=11.0, bid_size=4.0),
            tick(5, ask_price=13.0),
            tick(1, kind="trade", price=99.0, size=1.0),
        )
    )

    assert found is not None
    assert (found.price, found.bid, found.bid_size, found.ask) == (Decimal(12), Decimal(11), Decimal(4), Decimal(13))
    assert (found.as_of - WHEN).microseconds == 9


def test_of_sides_that_cross_the_older_is_left_out() -> None:
    found = quoted(told(tick(1, ask_price=10.0), tick(2, bid_price=11.0), tick(0, kind="trade", price=10.5)))

    assert found is not None
    assert (found.bid, found.ask, found.price) == (Decimal(11), None, Decimal("10.5"))


def test_without_a_trade_the_price_is_the_middle_and_without_both_sides_there_is_none() -> None:
    both = quoted(told(tick(1, bid_price=10.0, ask_price=10.5)))

    assert both is not None
    assert both.price == Decimal("10.25")
    assert quoted(told(tick(1, bid_price=10.0))) is None


def test_a_tick_from_the_future_is_not_the_newest() -> None:
    assert told(tick(1, kind="trade", price=10.0), ahead=True) is None


@pytest.mark.parametrize("provider", ["Not A Provider", ""])
def test_a_provider_that_no_quote_can_name_is_passed_over(provider: str) -> None:
    assert told(tick(1, kind="trade", price=10.0, provider=provider)) is None


def test_what_the_table_knows_is_older_than_any_tick_of_its_instant() -> None:
    held = newest_from(ROW)
    same = told(tick(0, kind="trade", price=11.0))

    assert same is not None
    found = quoted(held.joined(same))
    assert found is not None
    assert found.price == Decimal(11)


def test_a_price_in_the_middle_of_its_quote_was_no_trade() -> None:
    held = newest_from(replace(ROW, price=Decimal("10.25"), bid=Decimal(10), ask=Decimal("10.5")))
    moved = told(tick(1, bid_price=10.4, ask_price=10.6))

    assert moved is not None
    found = quoted(held.joined(moved))
    assert found is not None
    assert found.price == Decimal("10.5")


def test_an_enriched_message_says_change_and_spread() -> None:
    text = message_of(replace(ROW, bid=Decimal("9.99"), ask=Decimal("10.01"), previous_close=Decimal(8)))

    found = json.loads(text)
    assert (found["mid"], found["change"]) == ("10.00000000", "2.00000000")
    assert found["change_ratio"] == pytest.approx(0.25)
    assert found["spread_bps"] == pytest.approx(20)
