"""What of a batch may go to Kafka, and what goes there in an envelope."""

from dataclasses import replace

import msgspec
import pytest

from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.topics import TICKS
from streaming.feed.encode import encode
from streaming.feed.outlet import judged, table_of
from streaming.feed.port import Batch, unreadable
from tests.factories.feed_ticks import BASE_US, trade


def test_ticks_become_the_messages_of_the_contract_in_order() -> None:
    rows = table_of([trade("AAPL", 129.93, sequence=3), replace(trade("IBM", 141.0), exchange="N")])

    first, second = (msgspec.json.decode(value) for value in encode(TICKS, rows))
    assert first == {
        "symbol": "AAPL",
        "event_time_us": BASE_US,
        "kind": "trade",
        "provider": "one",
        "sequence": 3,
        "price": 129.93,
        "size": 100.0,
    }
    assert (second["symbol"], second["exchange"]) == ("IBM", "N")


@pytest.mark.parametrize(
    ("price", "at_s", "reason"),
    [
        (0.0, 0.0, Reason.NON_POSITIVE_PRICE),
        (-1.0, 0.0, Reason.NON_POSITIVE_PRICE),
        (float("nan"), 0.0, Reason.NON_POSITIVE_PRICE),
        (float("inf"), 0.0, Reason.NON_POSITIVE_PRICE),
        (1.0, 301.0, Reason.FUTURE_TIME),
    ],
)
def test_a_tick_that_breaks_the_contract_is_a_reject_with_its_own_text(
    price: float, at_s: float, reason: Reason
) -> None:
    bad = trade("AAPL", price, at_s=at_s)
    own = unreadable("one", b"\xffrubbish", "no JSON")

    rows, rejects = judged(Batch((trade("IBM", 1.0), bad), (own,)), now_us=BASE_US, max_future_s=300)

    assert rows.column("symbol").to_pylist() == ["IBM"]
    assert rejects[0] == own
    assert own.raw == "\\xffrubbish"
    assert (rejects[1].reason, rejects[1].symbol, rejects[1].source) == (reason, "AAPL", "one")
    assert '"event_time_us"' in rejects[1].raw
