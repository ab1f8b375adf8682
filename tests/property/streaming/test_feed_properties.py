"""Properties of the feed: what is encoded reads back, prices are exact, repeats are found wherever batches are cut."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings, strategies as st

from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from streaming.feed import parse
from streaming.feed.encode import encode
from streaming.feed.rows import SeenKeys
from streaming.feed.simulated import cents, simulate
from streaming.kit.decode import Decoder

# A busy machine is no failure: an example may take as long as it needs.
relaxed = settings(deadline=None)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
prices = st.decimals(min_value=Decimal("-9999999999"), max_value=Decimal("9999999999"), places=8)
bars = st.fixed_dictionaries(
    {
        "symbol": st.none() | texts,
        "business_date": st.none() | st.dates(),
        "currency": st.none() | texts,
        "open": st.none() | prices,
        "close": st.none() | prices,
        "volume": st.none() | st.integers(-(2**63), 2**63 - 1),
    }
)
ticks = st.fixed_dictionaries({"symbol": texts, "price": st.none() | numbers, "event_time_us": st.integers(0, 2**62)})


@relaxed
@given(st.lists(bars, min_size=1, max_size=20))
def test_bars_read_back_equal(rows: list[dict[str, object]]) -> None:
    schema = arrow.message_schema(BARS_DAILY)
    table = pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in rows[0]]))

    found = [msgspec.json.decode(message) for message in encode(BARS_DAILY, table)]

    for row, message in zip(rows, found, strict=True):
        for name in ("open", "close"):
            text = message.pop(name, None)
            assert text is None or "E" not in text
            assert row[name] == (None if text is None else Decimal(text))
        day = message.pop("business_date", None)
        assert row["business_date"] == (None if day is None else date.fromisoformat(day))
        assert message == {name: row[name] for name in ("symbol", "currency", "volume") if row[name] is not None}


@relaxed
@given(st.lists(ticks, min_size=1, max_size=20))
def test_ticks_read_back_equal(rows: list[dict[str, object]]) -> None:
    schema = arrow.message_schema(TICKS)
    table = pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in rows[0]]))

    found = [msgspec.json.decode(message) for message in encode(TICKS, table)]

    assert found == [{name: value for name, value in row.items() if value is not None} for row in rows]


@relaxed
@given(st.lists(bars, min_size=1, max_size=20))
def test_the_lander_reads_the_very_rows_that_were_encoded(rows: list[dict[str, object]]) -> None:
    schema = arrow.message_schema(BARS_DAILY)
    table = pa.Table.from_pylist(rows, schema=schema)

    found = Decoder(BARS_DAILY, max_message_bytes=1 << 20).decode(encode(BARS_DAILY, table))

    assert not found.bad
    assert found.rows.select(schema.names).equals(table)


@relaxed
@example([Decimal("3.789443005891183610289784595823558995009E-8")])
@given(st.lists(st.decimals(-(10**9), 10**9, allow_nan=False, places=None), min_size=1, max_size=10))
def test_a_price_is_the_decimal_of_its_text_rounded_half_to_even(values: list[Decimal]) -> None:
    parsed = parse.prices(pa.array([str(value) for value in values]))

    expected = [value.quantize(Decimal("0.00000001"), ROUND_HALF_EVEN) for value in values]
    assert parsed.values.to_pylist() == expected


@relaxed
@given(st.lists(texts, max_size=20))
def test_no_text_makes_a_reader_raise(cells: list[str]) -> None:
    column = pa.array(cells, pa.string())

    for parsed in (
        parse.prices(column),
        parse.numbers(column),
        parse.integers(column),
        parse.dates(column),
        parse.times(column, zone="Europe/London"),
    ):
        assert len(parsed.values) == len(parsed.bad) == len(cells)


@relaxed
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ABC"), st.dates(date(2020, 1, 1), date(2020, 1, 5))), min_size=1),
        max_size=5,
    )
)
def test_repeats_are_found_wherever_the_batches_are_cut(batches: list[list[tuple[str, date]]]) -> None:
    keys = SeenKeys()
    seen: set[tuple[str, date]] = set()

    for batch in batches:
        symbols, days = (pa.chunked_array([pa.array(list(side))]) for side in zip(*batch, strict=True))
        expected = []
        for pair in batch:
            expected.append(pair in seen)
            seen.add(pair)
        assert np.array_equal(keys.repeats(symbols, days), expected)


@settings(parent=relaxed, max_examples=25)
@given(
    st.decimals(Decimal("0.01"), Decimal(100_000), places=3),
    st.decimals(Decimal("0.01"), Decimal(100_000), places=3),
    st.integers(1, 50),
    st.integers(0, 2**32),
)
def test_a_bridge_joins_any_two_closes_to_the_cent(before: Decimal, close: Decimal, ticks: int, seed: int) -> None:
    schema = arrow.message_schema(BARS_DAILY)
    columns = {
        "symbol": ["A", "A"],
        "business_date": [date(2022, 12, 27), date(2022, 12, 28)],
        "close": [before, close],
    }
    table = pa.table(columns, schema=pa.schema([schema.field(name) for name in columns]))

    (day,) = simulate(table, days=1, ticks_per_day=ticks, seed=seed)

    assert day.num_rows == ticks
    assert day["price"][-1].as_py() == cents(close) / 100
    assert day["sequence"].to_pylist() == list(range(1, ticks + 1))
