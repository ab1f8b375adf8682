"""What the Indian brokers' protocols are made of: one-time passwords, binary frames, instruments."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streaming.feed.providers.angel_frames import Frame, FrameError, decode
from streaming.feed.universe import Instrument, UniverseError, universe
from streaming.kit.totp import TotpError, totp
from tests.factories.angel_frames import ltp, quoted, snap

# RFC 6238, appendix B: the SHA-1 rows, of which the last six digits are a password of six.
RFC_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("seconds", "password"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_one_time_passwords_are_those_of_the_rfc(seconds: int, password: str) -> None:
    assert totp(RFC_SEED, datetime.fromtimestamp(seconds, UTC)) == password


def test_a_secret_that_is_no_base32_is_refused_without_being_shown() -> None:
    with pytest.raises(TotpError) as caught:
        totp("not-base-32!", datetime(2022, 12, 28, tzinfo=UTC))
    assert "not-base" not in str(caught.value)


def test_the_three_kinds_of_frames_are_read_to_the_last_field() -> None:
    assert decode(ltp("2885", 254_005, time_ms=1_672_201_800_123, sequence=9)) == Frame(
        exchange_type=1, instrument="2885", sequence=9, time_ms=1_672_201_800_123, price=2540.05
    )
    found = decode(quoted("2885", 254_005, size=7, volume=1_000))
    assert (found.size, found.volume, found.bid) == (7, 1_000, None)
    found = decode(
        snap("2885", 254_005, trade_time_s=1_672_201_799, bids=[(254_000, 10), (254_004, 5)], asks=[(254_010, 8)])
    )
    assert (found.trade_time_s, found.bid, found.ask) == (1_672_201_799, (2540.04, 5), (2540.1, 8))


def test_prices_of_currency_derivatives_have_seven_decimals() -> None:
    assert decode(ltp("1", 828_275_000, exchange_type=13)).price == 82.8275


@pytest.mark.parametrize(
    "data", [b"", b"\x07" + bytes(50), ltp("2885", 1)[:-1], ltp("2885", 1) + b"\0", quoted("1", 1)[:60]]
)
def test_a_frame_of_another_kind_or_length_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode(data)


def test_the_frames_of_the_tests_have_the_documented_lengths() -> None:
    assert [len(ltp("1", 1)), len(quoted("1", 1)), len(snap("1", 1))] == [51, 123, 379]
    assert struct.calcsize("<BB25sqqq") == 51


def test_a_universe_is_words_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "nifty.csv"
    path.write_text("symbol,exchange,token\nRELIANCE,NSE,2885\nITC,NSE,1660\n")

    assert universe("AAPL, MSFT") == (Instrument("AAPL"), Instrument("MSFT"))
    assert universe(str(path)) == (Instrument("RELIANCE", "NSE", "2885"), Instrument("ITC", "NSE", "1660"))


@pytest.mark.parametrize("text", ["", " , ", "A,B,A", "no-such-file.csv"])
def test_a_universe_that_is_empty_double_or_missing_is_refused(text: str) -> None:
    with pytest.raises(UniverseError):
        universe(text)
