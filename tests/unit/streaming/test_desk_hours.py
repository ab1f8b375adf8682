"""Ticks from outside of an exchange's hours fill nothing; the hours are those that orders lapse by."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lakehouse.clock import epoch_us
from lakehouse.trading.sessions import in_session
from lakehouse.trading.venue import Terms
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_hours import always_open, in_sessions, warm
from streaming.hot.desk_orders import plain_of
from tests.factories.hot_desk import START_US, SYMBOLS, an_order, batch_of, opened, quote

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("exchange", ["XNYS", "XTKS", "XASX", "NOPE"])
def test_hours_are_those_of_the_calendar(exchange: str) -> None:
    friday = datetime(2026, 2, 27, tzinfo=UTC)
    times = [friday + timedelta(minutes=30 * step) for step in range(4 * 48)]
    is_open = in_sessions(exchange, np.array([epoch_us(time) for time in times]))
    assert is_open.tolist() == [in_session(exchange, time) for time in times]
    assert is_open.any()
    assert always_open(exchange, np.zeros(3, np.int64)).all()


def test_no_order_is_filled_while_its_exchange_is_closed() -> None:
    warm(["XNAS"], datetime(2026, 3, 2, tzinfo=UTC).date())
    desk = SimulatedDesk(Terms())
    desk.restate([plain_of(opened(an_order()))])
    night = quote(99, 100, at=12 * HOUR_US)  # 15:00 is 10:00 in New York
    assert desk.play(batch_of([night]), SYMBOLS).fills == ()
    morning = quote(99, 100, at=24 * HOUR_US)
    (fill,) = desk.play(batch_of([night, morning], first_offset=5), SYMBOLS).fills
    assert fill.at_us == START_US + 24 * HOUR_US
    assert fill.venue_trade_id == "sim-0-6"
