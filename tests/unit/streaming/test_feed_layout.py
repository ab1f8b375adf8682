"""Columns are found by name, alias or mapping, and the error about a missing one can be acted on."""

import pytest

from streaming.feed.layout import Kind, LayoutError, lay_out


def test_bars_and_ticks_are_told_apart_by_their_columns() -> None:
    bars = lay_out("f.csv", ["Date", "Ticker", "Open", "High", "Low", "Close", "Note"], kind=None, mapping={})
    ticks = lay_out("f.csv", ["timestamp", "symbol", "bid", "ask", "day"], kind=Kind.TICKS, mapping={})

    assert (bars.kind, bars.has_ohlc, bars.ignored) == (Kind.BARS, True, ("Note",))
    assert bars.columns["symbol"] == "Ticker"
    assert bars.topic.name == "market.bars.daily"
    assert ticks.columns == {"event_time": "timestamp", "symbol": "symbol", "bid_price": "bid", "ask_price": "ask"}


def test_a_mapping_wins_over_a_name_and_frees_nothing_else() -> None:
    layout = lay_out("f.csv", ["date", "symbol", "close", "adj"], kind=None, mapping={"close": "adj"})

    assert layout.columns["close"] == "adj"
    assert layout.ignored == ("close",)
    assert not layout.has_ohlc


@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        (
            ["date", "symbol", "px_last"],
            None,
            ("missing column", "close", "date, symbol, px_last", "--map close=COLUMN"),
        ),
        (["date", "symbol", "open", "close"], None, ("high", "low", "--map high=COLUMN --map low=COLUMN")),
        (["time", "symbol"], None, ("price", "--map price=COLUMN")),
        (["when", "symbol", "price"], Kind.TICKS, ("event_time", "timestamp", "--map event_time=COLUMN")),
        (["dt", "symbol", "close"], None, ("--kind", "--map business_date=COLUMN", "dt, symbol, close")),
        (["date", "time", "symbol"], None, ("both a day and a time", "--kind")),
        (["date;symbol;close"], None, ("--delimiter",)),
    ],
)
def test_a_missing_column_is_named_with_what_was_found_and_the_flag_that_helps(
    columns: list[str], kind: Kind | None, said: tuple[str, ...]
) -> None:
    with pytest.raises(LayoutError) as caught:
        lay_out("f.csv", columns, kind=kind, mapping={})

    assert "f.csv" in str(caught.value)
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [({"close": "nowhere"}, "no column nowhere. Found: date, symbol, close"), ({"prise": "close"}, "no field prise")],
)
def test_a_mapping_of_what_is_not_there_is_refused(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        lay_out("f.csv", ["date", "symbol", "close"], kind=None, mapping=mapping)
