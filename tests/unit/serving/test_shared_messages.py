"""Sockets that stand at the same numbers share one text, and no other sockets do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from lakehouse.domain.quote import LatestQuote
from serving.quotes.wire import WireQuote, encode
from serving.sockets.follower import Due
from serving.sockets.frames import SHARED_S, Messages, QuoteTexts

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def _quote(version: int, price: str = "100.25") -> WireQuote:
    row = LatestQuote(
        symbol="AAPL",
        price=Decimal(price),
        bid=None,
        ask=None,
        bid_size=None,
        ask_size=None,
        previous_close=None,
        currency="USD",
        provider="test",
        as_of=NOW,
        updated_at=NOW,
        version=version,
    )
    return encode(row, stale_after_s=60)


def test_readers_in_step_get_one_text_for_a_moment() -> None:
    messages = Messages(QuoteTexts())
    due = Due("AAPL", _quote(7), 6)
    first = messages.of([due], NOW)
    assert messages.of([Due("AAPL", _quote(7), 6)], NOW + timedelta(seconds=SHARED_S / 2)) is first
    later = orjson.loads(messages.of([due], NOW + timedelta(seconds=2 * SHARED_S)))
    assert (orjson.loads(first)["ts_sent"], later["ts_sent"]) == ("2026-03-02T15:00:00Z", "2026-03-02T15:00:00.040000Z")


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (Due("AAPL", _quote(7), 5), ("update", 5, 7, 1)),
        (Due("AAPL", _quote(7), None), ("snapshot", None, 7, 0)),
        (Due("AAPL", _quote(8), 6), ("update", 6, 8, 1)),
    ],
)
def test_a_reader_out_of_step_gets_its_own(due: Due, expected: tuple[str, int | None, int, int]) -> None:
    messages = Messages(QuoteTexts())
    messages.of([Due("AAPL", _quote(7), 6)], NOW)
    frame = orjson.loads(messages.of([due], NOW))
    assert (frame["type"], frame["prev_seq"], frame["seq"], frame["dropped"]) == expected
