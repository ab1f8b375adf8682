"""Bars: the same to the digit however trades are cut, in whatever order they come, with whatever copies."""

import numpy as np
from hypothesis import given, strategies as st

from lakehouse.contracts.topics import TICKS
from streaming.kit.decode import Decoder
from streaming.quotes import bars
from streaming.quotes.bars import Minute, Window
from streaming.quotes.columns import ticks_of
from tests.factories.tick_days import BEGAN_US, Tick, bars_of, message

DECODER = Decoder(TICKS, max_message_bytes=10_000)

TRADES = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["A", "B"]),
            "event_time_us": st.integers(0, 200).map(lambda step: BEGAN_US + step * 1_000_000),
            "kind": st.just("trade"),
            "provider": st.sampled_from(["p", "q"]),
            "sequence": st.integers(0, 3),
            "price": st.integers(1, 10**10).map(lambda number: number / 10**8),
            "size": st.integers(0, 10**12).map(lambda number: number / 10**8),
        }
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda tick: (tick["symbol"], tick["event_time_us"], tick["provider"], tick["sequence"]),
)


def folded(ticks: list[Tick]) -> dict[Window, Minute]:
    rows = DECODER.decode([message(tick) for tick in ticks]).rows
    count = rows.num_rows
    made = ticks_of(rows, np.zeros(count, np.int32), np.arange(count), np.zeros(count, np.bool_))
    return bars.fold(bars.trades_of(made, np.ones(len(made.symbols), np.bool_)))


def written(minutes: dict[Window, Minute]) -> dict[Window, object]:
    return {window: minute.bar(window) for window, minute in minutes.items()}


@given(TRADES)
def test_a_fold_is_what_plain_python_finds(ticks: list[Tick]) -> None:
    ordered = sorted(ticks, key=lambda tick: (tick["event_time_us"], tick["sequence"], tick["provider"]))
    found = {(bar.symbol, "1m", bar.starts_at): bar for bar in (m.bar(w) for w, m in folded(ticks).items())}

    plain = {key: bar for key, bar in bars_of(ordered).items() if key[1] == "1m"}
    assert found.keys() == plain.keys()
    for key, bar in plain.items():
        assert (found[key].open, found[key].high, found[key].low) == (bar.open, bar.high, bar.low)
        assert (found[key].close, found[key].volume) == (bar.close, bar.volume)


@given(TRADES, st.data())
def test_neither_cuts_nor_order_nor_copies_matter(ticks: list[Tick], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ticks))
    cut = data.draw(st.integers(0, len(ticks)))
    joined = folded(shuffled[:cut])
    for window, minute in folded(shuffled[cut:]).items():
        if window in joined:
            joined[window].add(minute)
        else:
            joined[window] = minute

    assert written(joined) == written(folded(ticks))
    assert written(folded(ticks + ticks[: len(ticks) // 2])) == written(folded(ticks))
