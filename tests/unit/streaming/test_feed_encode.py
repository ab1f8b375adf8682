"""Messages carry exactly the values of their rows, and an envelope carries its reason."""

from datetime import date
from decimal import Decimal

import msgspec
import pyarrow as pa
import pytest

from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from streaming.feed.encode import RAW_LIMIT, EncodeError, Reject, encode, envelope, envelope_key, keys


def bars(**columns: list[object]) -> pa.Table:
    schema = arrow.message_schema(BARS_DAILY)
    return pa.table(columns, schema=pa.schema([schema.field(name) for name in columns]))


def test_a_bar_is_plain_json_with_decimal_strings_and_without_absent_fields() -> None:
    rows = bars(
        symbol=["AAPL", "IBM"],
        business_date=[date(2022, 12, 28), date(2013, 10, 7)],
        kind=["close", "ohlcv"],
        open=[None, Decimal("181.85")],
        close=[Decimal("125.674"), Decimal("182")],
        volume=[None, 3966432],
    )

    first, second = encode(BARS_DAILY, rows)

    assert first == b'{"symbol":"AAPL","business_date":"2022-12-28","kind":"close","close":"125.674"}'
    assert second == (
        b'{"symbol":"IBM","business_date":"2013-10-07","kind":"ohlcv","open":"181.85","close":"182","volume":3966432}'
    )


@pytest.mark.parametrize(
    ("value", "sent"),
    [("0.00000012", "0.00000012"), ("0", "0"), ("1000", "1000"), ("-3.5", "-3.5"), ("9999999999.99999999",) * 2],
)
def test_a_decimal_never_turns_into_an_exponent_or_loses_a_digit(value: str, sent: str) -> None:
    (message,) = encode(BARS_DAILY, bars(symbol=["A"], close=[Decimal(value)]))

    assert msgspec.json.decode(message) == {"symbol": "A", "close": sent}


def test_an_odd_symbol_is_escaped() -> None:
    odd = 'BRK"B\\ é\n'

    (message,) = encode(BARS_DAILY, bars(symbol=[odd]))

    assert msgspec.json.decode(message) == {"symbol": odd}


def test_a_row_of_nothing_is_an_empty_object() -> None:
    assert encode(BARS_DAILY, bars(symbol=[None, "A"], volume=[None, None])) == [b"{}", b'{"symbol":"A"}']
    assert encode(BARS_DAILY, bars(symbol=[None])) == [b"{}"]
    assert encode(BARS_DAILY, bars(symbol=[])) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_carry_is_refused(value: float) -> None:
    rows = pa.table({"symbol": ["A"], "price": [value]})

    with pytest.raises(EncodeError, match="NaN or infinite"):
        encode(TICKS, rows)


def test_the_key_is_the_symbol() -> None:
    assert keys(BARS_DAILY, bars(symbol=["A", None])) == [b"A", None]


def test_an_envelope_carries_reason_detail_source_and_the_row_itself() -> None:
    reject = Reject(Reason.WRONG_TYPE, "close is 'x': not a price", "f.csv:7", "2013-01-02,A,x", "A")

    assert msgspec.json.decode(envelope(reject)) == {
        "_reject": "wrong_type",
        "_detail": "close is 'x': not a price",
        "_source": "f.csv:7",
        "_raw": "2013-01-02,A,x",
    }
    assert envelope_key(reject) == b"A"


def test_an_envelope_of_a_huge_row_is_cut_and_one_without_symbol_has_no_key() -> None:
    reject = Reject(Reason.UNPARSABLE, "2 columns where the header has 7", "f.csv:7", "x" * (RAW_LIMIT + 5))

    assert len(msgspec.json.decode(envelope(reject))["_raw"]) == RAW_LIMIT
    assert envelope_key(reject) is None
