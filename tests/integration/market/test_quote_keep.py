"""Ticks on a PostgreSQL without TimescaleDB: a plain table, from which old rows are deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.clock import ManualClock
from lakehouse.settings import Settings
from lakehouse.stores import quotes_keep, quotes_live
from lakehouse.stores.quotes_keep import Edition

pytestmark = pytest.mark.integration

CLOCK = ManualClock()
TICK = """
    INSERT INTO market.quote_tick (at, symbol, is_trade, provider, seq, kafka_partition, kafka_offset)
    VALUES (%s, 'AAPL', true, 'test', 1, 0, 1)
"""


def test_without_timescaledb_ticks_are_kept_and_dropped_too(market: Settings) -> None:
    noon = datetime(2026, 2, 25, 12, tzinfo=UTC)
    with quotes_live.connect(market.postgres) as connection:
        held = quotes_live.claim(connection, "some.topic", {0: 0}, clock=CLOCK)
        for hours in (-1, 0, 1):
            connection.execute(TICK, (noon + timedelta(hours=hours),))

        assert quotes_keep.edition(connection) == Edition("", "", is_hypertable=False, compresses=False)
        after = noon + timedelta(minutes=30)
        assert quotes_keep.drop_old(connection, "some.topic", after, clock=CLOCK, most=1) == 1
        assert quotes_keep.drop_old(connection, "some.topic", after, clock=CLOCK) == 1
        assert quotes_keep.drop_old(connection, "some.topic", after, clock=CLOCK) == 0
        assert connection.execute("SELECT count(*) FROM market.quote_tick").fetchone() == (1,)
        with connection.transaction():
            assert quotes_live.hold(connection, "some.topic", held)[0].dropped_before == after
