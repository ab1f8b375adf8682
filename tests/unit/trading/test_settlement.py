"""Trades settle by the rule of their market that was in force on their day."""

from datetime import date

import pytest

from lakehouse.trading.settlement import settles_on


@pytest.mark.parametrize(
    ("exchange", "day", "settles"),
    [
        # SEC release 34-96930: 28 May 2024 was the first day of T+1. Memorial Day lay between, so that 29 May settled
        # that day's trades and, by T+2, those of the 24th.
        ("XNYS", date(2024, 5, 28), date(2024, 5, 29)),
        ("XNAS", date(2024, 5, 24), date(2024, 5, 29)),
        ("XNAS", date(2024, 5, 23), date(2024, 5, 28)),
        # T+2 began with the trades of 5 September 2017, which settled with those of 1 September, on T+3.
        ("XNYS", date(2017, 9, 5), date(2017, 9, 7)),
        ("XNYS", date(2017, 9, 1), date(2017, 9, 7)),
        # Banks are closed on Columbus Day, exchanges are not: its trades settle with those of the Friday before.
        ("XNYS", date(2024, 10, 11), date(2024, 10, 15)),
        ("XNYS", date(2024, 10, 14), date(2024, 10, 15)),
        ("XNAS", date(2024, 11, 8), date(2024, 11, 12)),
        # Over the turn of a year.
        ("XNYS", date(2025, 12, 31), date(2026, 1, 2)),
        ("XLON", date(2024, 12, 24), date(2024, 12, 30)),
        ("XTSE", date(2024, 5, 27), date(2024, 5, 28)),
        ("XTSE", date(2024, 5, 24), date(2024, 5, 28)),
        # Nobody knows the days of this one.
        ("PAPER", date(2024, 5, 24), date(2024, 5, 27)),
    ],
)
def test_the_day_of_settlement(exchange: str, day: date, settles: date) -> None:
    assert settles_on(exchange, day) == settles
