"""Every way to break a row is found with its own reason, and good rows come out whole."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.clock import epoch_us
from lakehouse.contracts.reasons import Reason
from streaming.feed.encode import Reject
from streaming.feed.files import open_file
from streaming.feed.layout import lay_out
from streaming.feed.rows import Judge, Rules

NOW_US = epoch_us(datetime(2023, 1, 1, tzinfo=UTC))
HEADER = "date,symbol,open,high,low,close,volume\n"


def judge(path: Path, rules: Rules | None = None) -> tuple[list[dict[str, object]], list[Reject]]:
    source = open_file(path)
    judge = Judge(source, lay_out(source.name, source.columns, kind=None, mapping={}), rules or Rules())
    rows: list[dict[str, object]] = []
    rejects: list[Reject] = []
    for batch in source.batches():
        judged = judge.judge(batch, now_us=NOW_US)
        rows += judged.rows.to_pylist()
        rejects += judged.rejects
    return rows, rejects


def judge_text(folder: Path, text: str, rules: Rules | None = None) -> tuple[list[dict[str, object]], list[Reject]]:
    path = folder / "f.csv"
    path.write_text(text)
    return judge(path, rules)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ("2022-01-03,A,1,2,1", Reason.UNPARSABLE, "5 columns where the header has 7"),
        ("2022-01-03,A,,2,1,1,5", Reason.MISSING_PRICE, "open is missing"),
        ("2022-01-03,A,1,NA,1,1,5", Reason.MISSING_PRICE, "high is missing"),
        ("2022-01-03,A,1,2,1,,5", Reason.MISSING_PRICE, "close is missing"),
        ("2022-01-03,A,1,2,1,x,5", Reason.WRONG_TYPE, "close is 'x': not a price"),
        ("2022-01-03,A,1,2,1,1,many", Reason.WRONG_TYPE, "volume is 'many': not a whole number"),
        ("2022-01-03,A,0,2,0,1,5", Reason.NON_POSITIVE_PRICE, "open is 0"),
        ("2022-01-03,A,1,2,1,-1,5", Reason.NON_POSITIVE_PRICE, "close is -1"),
        ("2022-01-03,A,1,1,2,1,5", Reason.HIGH_BELOW_LOW, "high is 1"),
        ("2022-01-03,A,1,2,1,3,5", Reason.OUTSIDE_RANGE, "close is 3"),
        ("2022-01-03,A,1,2,1,1,-5", Reason.NEGATIVE_SIZE, "volume is -5"),
        ("2022-02-30,A,1,2,1,1,5", Reason.UNPARSABLE_TIME, "business_date is '2022-02-30': not a date"),
        ("2024-01-03,A,1,2,1,1,5", Reason.FUTURE_TIME, "2024-01-03"),
        (",A,1,2,1,1,5", Reason.MISSING_FIELD, "business_date is missing"),
        ("2022-01-03,,1,2,1,1,5", Reason.MISSING_FIELD, "symbol is missing"),
        ("2022-01-04,GOOD,1,2,1,1,5", Reason.DUPLICATE_KEY, "GOOD on 2022-01-04 came before in this file"),
        ("2022-01-03,ODD,1,2,1,1,5", Reason.UNKNOWN_SYMBOL, "'ODD' is not in app.instrument"),
    ],
)
def test_a_broken_bar_has_reason_detail_source_and_its_own_text(
    tmp_path: Path, line: str, reason: Reason, detail: str
) -> None:
    rules = Rules(known_symbols=frozenset({"A", "GOOD"}))

    rows, rejects = judge_text(tmp_path, f"{HEADER}2022-01-04,GOOD,1,2,1,1,5\n{line}\n", rules)

    assert [row["symbol"] for row in rows] == ["GOOD"]
    (reject,) = rejects
    assert reject.reason is reason
    assert detail in reject.detail
    assert (reject.source, reject.raw) == ("f.csv:3", line)


def test_a_good_bar_comes_out_whole(tmp_path: Path) -> None:
    rows, rejects = judge_text(
        tmp_path, f"{HEADER}2022-01-03,A,1.5,2,1,1.25,500.0\n", Rules(provider="me", currency="EUR")
    )

    assert not rejects
    assert rows == [
        {
            "symbol": "A",
            "business_date": date(2022, 1, 3),
            "kind": "ohlcv",
            "provider": "me",
            "currency": "EUR",
            "open": Decimal("1.5"),
            "high": Decimal(2),
            "low": Decimal(1),
            "close": Decimal("1.25"),
            "volume": 500,
        }
    ]


def test_a_file_with_closes_only_is_of_kind_close_and_its_own_currency_wins(tmp_path: Path) -> None:
    rows, rejects = judge_text(tmp_path, "date,symbol,close,currency\n2022-01-03,A,1,GBP\n2022-01-04,A,1,\n")

    assert not rejects
    assert [(row["kind"], row["currency"], row["open"]) for row in rows] == [
        ("close", "GBP", None),
        ("close", "USD", None),
    ]


def test_the_first_good_row_of_a_key_stays(tmp_path: Path) -> None:
    text = "date,symbol,close\n2022-01-03,A,x\n2022-01-03,A,1\n2022-01-03,A,2\n2022-01-03,B,3\n"

    rows, rejects = judge_text(tmp_path, text)

    assert [(row["symbol"], row["close"]) for row in rows] == [("A", 1), ("B", 3)]
    assert [(found.source, found.reason) for found in rejects] == [
        ("f.csv:2", Reason.WRONG_TYPE),
        ("f.csv:4", Reason.DUPLICATE_KEY),
    ]


def test_zero_means_missing_where_the_user_says_so(tmp_path: Path) -> None:
    text = f"{HEADER}2022-01-03,A,1,2,1,1,0\n"

    assert judge_text(tmp_path, text)[0][0]["volume"] == 0
    assert judge_text(tmp_path, text, Rules(zero_as_missing=frozenset({"volume"})))[0][0]["volume"] is None


def test_a_zero_side_of_a_quote_did_not_change(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    moment = datetime(2022, 1, 3, 15, tzinfo=UTC)
    table = {
        "event_time": [moment] * 4,
        "symbol": ["A"] * 4,
        "kind": ["quote", "quote", "trade", "auction"],
        "price": [None, None, 1.5, 1.5],
        "bid_price": [0.0, 0.0, None, None],
        "bid_size": [0, 7, None, None],
        "ask_price": [2.0, 0.0, None, None],
        "ask_size": [3, 0, None, None],
    }
    pq.write_table(pa.table(table), path)

    rows, rejects = judge(path)

    assert [(row["sequence"], row["kind"], row["bid_price"], row["bid_size"], row["ask_price"]) for row in rows] == [
        (1, "quote", None, None, 2.0),
        (3, "trade", None, None, None),
    ]
    assert rows[0]["event_time_us"] == epoch_us(moment)
    assert [(found.source, found.reason) for found in rejects] == [
        ("t.parquet:2", Reason.MISSING_PRICE),
        ("t.parquet:4", Reason.UNKNOWN_KIND),
    ]


def test_ticks_without_a_kind_are_trades_where_they_have_a_price(tmp_path: Path) -> None:
    text = "time,symbol,price,bid,ask\n2022-01-03 10:00:00,A,1,,\n2022-01-03 10:00:01,A,,1,2\nsoon,A,1,,\n"

    rows, rejects = judge_text(tmp_path, text, Rules(timezone="America/New_York"))

    assert [row["kind"] for row in rows] == ["trade", "quote"]
    assert rows[0]["event_time_us"] == epoch_us(datetime(2022, 1, 3, 15, tzinfo=UTC))
    assert [(found.reason, found.detail) for found in rejects] == [
        (Reason.UNPARSABLE_TIME, "event_time is 'soon': not a time")
    ]
