"""The checks at the door, row by row and in the order that they state."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from lakehouse.contracts.model import Topic
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render.arrow import message_schema
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from lakehouse.contracts.topics.signals import SIGNALS
from streaming.kit.checks import Verdict, check

NOW_US = 1_672_237_800_000_000  # 2022-12-28 14:30 UTC
TRADE = {
    "symbol": "AAPL",
    "event_time_us": NOW_US,
    "kind": "trade",
    "provider": "simulated",
    "sequence": 1,
    "price": 129.5,
    "size": 10.0,
}
QUOTE = {**TRADE, "kind": "quote", "price": None, "size": None, "bid_price": 1.0, "bid_size": 0.0}
BAR = {
    "symbol": "AAPL",
    "business_date": date(2022, 12, 28),
    "kind": "ohlcv",
    "provider": "file",
    "currency": "USD",
    "open": Decimal("10"),
    "high": Decimal("11"),
    "low": Decimal("9"),
    "close": Decimal("10.5"),
    "volume": 5,
}
SIGNAL = {
    "signal_id": "0199f3a1-b2e3-7def-8123-456789abcdef",
    "symbol": "INFY",
    "event_time_us": NOW_US,
    "side": "buy",
    "confidence": 0.87,
    "source": "nse_filings",
    "reference_price": None,
    "reason": "an order win",
    "filing": None,
}
CLOSE = {**BAR, "kind": "close", "open": None, "high": None, "low": None, "volume": None}


def judge(topic: Topic, *rows: dict[str, object]) -> Verdict:
    names = [field.name for field in topic.fields]
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], message_schema(topic))
    return check(topic, table, now_us=NOW_US, max_future_s=300.0)


@pytest.mark.parametrize(("topic", "row"), [(TICKS, TRADE), (TICKS, QUOTE), (BARS_DAILY, BAR), (BARS_DAILY, CLOSE)])
def test_good_rows_pass(topic: Topic, row: dict[str, object]) -> None:
    verdict = judge(topic, row, row)

    assert verdict.ok
    assert verdict.good_mask().tolist() == [True, True]


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"symbol": None}, Reason.MISSING_FIELD, "symbol is missing"),
        ({"symbol": ""}, Reason.MISSING_FIELD, "symbol is ''"),
        ({"sequence": None}, Reason.MISSING_FIELD, "sequence is missing"),
        ({"kind": "bar"}, Reason.UNKNOWN_KIND, "kind is 'bar': neither trade nor quote"),
        ({"event_time_us": -(10**17)}, Reason.UNPARSABLE_TIME, "before 1900"),
        ({"event_time_us": NOW_US + 300_000_001}, Reason.FUTURE_TIME, "in the future"),
        ({"price": None}, Reason.MISSING_PRICE, "price is missing in a row of kind trade"),
        ({"price": 0.0}, Reason.NON_POSITIVE_PRICE, "price is 0.0"),
        ({"price": float("nan")}, Reason.NON_POSITIVE_PRICE, "price is nan"),
        ({"price": float("inf")}, Reason.NON_POSITIVE_PRICE, "price is inf"),
        ({"size": -1.0}, Reason.NEGATIVE_SIZE, "size is -1.0"),
        ({"kind": "quote", "price": None}, Reason.MISSING_PRICE, "bid_price is missing and so is ask_price"),
        ({"kind": "quote", "price": None, "bid_price": -2.0}, Reason.NON_POSITIVE_PRICE, "bid_price is -2.0"),
        ({"kind": "quote", "price": None, "ask_price": 2.0, "ask_size": -2.0}, Reason.NEGATIVE_SIZE, "ask_size"),
    ],
)
def test_a_broken_tick_is_named_with_its_value(change: dict[str, object], reason: Reason, detail: str) -> None:
    verdict = judge(TICKS, TRADE, {**TRADE, **change})

    (bad,) = verdict.bad
    assert (bad.index, bad.reason) == (1, reason)
    assert detail in bad.detail


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"business_date": None}, Reason.MISSING_FIELD, "business_date is missing"),
        ({"kind": "weekly"}, Reason.UNKNOWN_KIND, "neither ohlcv nor close"),
        ({"business_date": date(1899, 12, 31)}, Reason.UNPARSABLE_TIME, "1899-12-31: before 1900"),
        ({"business_date": date(2022, 12, 29)}, Reason.FUTURE_TIME, "2022-12-29: in the future"),
        ({"close": None}, Reason.MISSING_PRICE, "close is missing"),
        ({"open": None}, Reason.MISSING_PRICE, "open is missing in a row of kind ohlcv"),
        ({"low": Decimal(0)}, Reason.NON_POSITIVE_PRICE, "low is 0"),
        ({"high": Decimal(8), "low": Decimal(9)}, Reason.HIGH_BELOW_LOW, "high is 8: below low"),
        ({"close": Decimal(12)}, Reason.OUTSIDE_RANGE, "close is 12: outside low..high"),
        ({"open": Decimal("8.99")}, Reason.OUTSIDE_RANGE, "open is 8.99"),
        ({"volume": -1}, Reason.NEGATIVE_SIZE, "volume is -1"),
    ],
)
def test_a_broken_bar_is_named_with_its_value(change: dict[str, object], reason: Reason, detail: str) -> None:
    (bad,) = judge(BARS_DAILY, BAR, {**BAR, **change}).bad

    assert bad.reason == reason
    assert detail in bad.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signal_id": "17"}, Reason.WRONG_TYPE),
        ({"symbol": "A\0"}, Reason.WRONG_TYPE),
        ({"source": "\0"}, Reason.WRONG_TYPE),
        ({"side": "hold"}, Reason.UNKNOWN_KIND),
        ({"confidence": 1.01}, Reason.OUTSIDE_RANGE),
        ({"confidence": -0.01}, Reason.OUTSIDE_RANGE),
        ({"confidence": float("nan")}, Reason.OUTSIDE_RANGE),
        ({"event_time_us": NOW_US + 301_000_000}, Reason.FUTURE_TIME),
        ({"event_time_us": -3_000_000_000_000_000}, Reason.UNPARSABLE_TIME),
        ({"reference_price": Decimal(0)}, Reason.NON_POSITIVE_PRICE),
        ({"confidence": None}, Reason.MISSING_FIELD),
    ],
)
def test_a_broken_signal_is_named(change: dict[str, object], reason: Reason) -> None:
    assert judge(SIGNALS, SIGNAL).ok
    [bad] = judge(SIGNALS, {**SIGNAL, **change}).bad
    assert bad.reason is reason


def test_the_first_reason_of_the_stated_order_wins() -> None:
    (bad,) = judge(TICKS, {**TRADE, "symbol": None, "price": -1.0, "size": -1.0}).bad

    assert bad.reason is Reason.MISSING_FIELD


def test_only_bad_rows_are_dropped_and_all_are_counted() -> None:
    rows = [TRADE, {**TRADE, "price": 0.0}, QUOTE, {**TRADE, "kind": "x"}, {**TRADE, "price": -1.0}]
    names = [field.name for field in TICKS.fields]
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], message_schema(TICKS))

    verdict = check(TICKS, table, now_us=NOW_US, max_future_s=300.0)

    assert [row.index for row in verdict.bad] == [1, 3, 4]
    assert verdict.good_rows(table).to_pylist() == [table.to_pylist()[0], table.to_pylist()[2]]
    assert verdict.counts() == {Reason.NON_POSITIVE_PRICE: 2, Reason.UNKNOWN_KIND: 1}


def test_an_unknown_topic_is_checked_for_its_required_fields() -> None:
    other = replace(TICKS, bronze=replace(TICKS.bronze, name="bronze.other_v1"))

    assert judge(other, {**TRADE, "price": -1.0}).ok
    assert not judge(other, {**TRADE, "provider": None}).ok


def test_no_rows_are_good() -> None:
    assert judge(TICKS).ok
