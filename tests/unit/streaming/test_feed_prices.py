"""The demo's input: real closes out of the wheel, and simulated ticks that join them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakehouse.clock import epoch_us
from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from streaming.feed.encode import encode
from streaming.feed.simulated import PROVIDER, SimulationError, cents, simulate
from streaming.feed.sp500 import daily_closes
from streaming.kit.checks import check


@pytest.fixture(scope="module")
def closes() -> pa.Table:
    return daily_closes()


def full(topic_rows: pa.Table) -> pa.Table:
    schema = arrow.message_schema(TICKS)
    return pa.table(
        [
            topic_rows[f.name] if f.name in topic_rows.column_names else pa.nulls(topic_rows.num_rows, f.type)
            for f in schema
        ],
        schema=schema,
    )


def few_closes(*days: date) -> pa.Table:
    schema = arrow.message_schema(BARS_DAILY)
    columns = {"symbol": ["A"] * len(days), "business_date": days, "close": [Decimal("10.125")] * len(days)}
    return pa.table(columns, schema=pa.schema([schema.field(name) for name in columns]))


def test_the_wheel_holds_twenty_names_from_1990_to_2022(closes: pa.Table) -> None:
    assert closes.num_rows == 8313 * 20
    assert pc.count_distinct(closes["symbol"]).as_py() == 20
    assert (pc.min(closes["business_date"]).as_py(), pc.max(closes["business_date"]).as_py()) == (
        date(1990, 1, 2),
        date(2022, 12, 28),
    )
    assert closes.slice(0, 1).to_pylist() == [
        {
            "symbol": "AAPL",
            "business_date": date(1990, 1, 2),
            "kind": "close",
            "provider": "skfolio-sp500",
            "currency": "USD",
            "close": Decimal("0.264"),
        }
    ]
    assert encode(BARS_DAILY, closes.slice(closes.num_rows - 1)) == [
        b'{"symbol":"XOM","business_date":"2022-12-28","kind":"close","provider":"skfolio-sp500","currency":"USD",'
        b'"close":"106.627"}'
    ]


def test_each_day_ends_with_a_trade_at_the_real_close_at_the_bell(closes: pa.Table) -> None:
    days = list(simulate(closes, days=2, ticks_per_day=50, seed=1))

    real = {
        (row["symbol"], row["business_date"]): row["close"] for row in closes.slice(closes.num_rows - 40).to_pylist()
    }
    for day, bell in zip(days, (date(2022, 12, 27), date(2022, 12, 28)), strict=True):
        last = [row for row in day.to_pylist() if row["sequence"] == 50]
        assert len(last) == 20
        for row in last:
            assert row["event_time_us"] == epoch_us(datetime(bell.year, bell.month, bell.day, 21, tzinfo=UTC))
            assert (row["kind"], row["provider"]) == ("trade", PROVIDER)
            assert row["price"] == cents(real[row["symbol"], bell]) / 100


def test_the_ticks_pass_the_door_in_order_within_the_hours_of_the_exchange(closes: pa.Table) -> None:
    (day,) = simulate(closes, days=1, ticks_per_day=200, seed=1)

    times = day["event_time_us"].to_pylist()
    assert times == sorted(times)
    assert times[0] >= epoch_us(datetime(2022, 12, 28, 14, 30, tzinfo=UTC))
    assert check(TICKS, full(day), now_us=times[-1], max_future_s=0.0).ok
    assert {"trade", "quote"} == set(day["kind"].to_pylist())
    spread = pc.subtract(day["ask_price"], day["bid_price"])
    assert pc.min(spread).as_py() > 0.009


def test_the_first_ticks_start_near_the_close_before(closes: pa.Table) -> None:
    (day,) = simulate(closes, days=1, ticks_per_day=5000, seed=3)
    before = {row["symbol"]: float(row["close"]) for row in closes.slice(closes.num_rows - 40, 20).to_pylist()}

    for row in day.filter(pc.equal(day["sequence"], 1)).to_pylist():
        price = row["price"] or row["ask_price"]
        assert price == pytest.approx(before[row["symbol"]], rel=0.003)


def test_a_seed_gives_the_same_bytes_and_another_seed_others(closes: pa.Table) -> None:
    def stream(table: pa.Table, seed: int) -> list[bytes]:
        return [line for day in simulate(table, days=2, ticks_per_day=20, seed=seed) for line in encode(TICKS, day)]

    assert stream(closes, 5) == stream(closes, 5)
    assert stream(closes, 5) != stream(closes, 6)
    alone = closes.filter(pc.equal(closes["symbol"], "KO"))
    assert stream(alone, 5) == [line for line in stream(closes, 5) if b'"KO"' in line]


@pytest.mark.parametrize(
    ("table", "days", "ticks", "message"),
    [
        (few_closes(date(2022, 12, 27), date(2022, 12, 28)), 2, 5, "2 days need 3 dates"),
        (few_closes(date(2022, 12, 23), date(2022, 12, 26)), 1, 5, "XNYS was shut on 2022-12-26"),
        (few_closes(date(2022, 12, 27), date(2022, 12, 28)), 0, 5, "at least 1"),
    ],
)
def test_a_path_that_cannot_be_drawn_is_an_error(table: pa.Table, days: int, ticks: int, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        list(simulate(table, days=days, ticks_per_day=ticks, seed=1))


def test_a_symbol_without_a_close_is_named() -> None:
    two = few_closes(date(2022, 12, 27), date(2022, 12, 28))
    schema = two.schema
    other = pa.table({"symbol": ["B"], "business_date": [date(2022, 12, 28)], "close": [Decimal(1)]}, schema=schema)

    with pytest.raises(SimulationError, match="B has no close on 2022-12-27"):
        list(simulate(pa.concat_tables([two, other]), days=1, ticks_per_day=5, seed=1))


def test_a_half_day_ends_early() -> None:
    table = few_closes(date(2022, 11, 23), date(2022, 11, 25))

    (day,) = simulate(table, days=1, ticks_per_day=3, seed=1)

    assert day["event_time_us"][-1].as_py() == epoch_us(datetime(2022, 11, 25, 18, tzinfo=UTC))
    assert day["price"][-1].as_py() == 10.12
