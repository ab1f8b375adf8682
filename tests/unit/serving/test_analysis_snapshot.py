"""What an analysis is taken from is complete, or refused by the name of what is missing; its hash is its content's."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.settings import RedisSettings
from lakehouse.stores import redis as redis_store
from serving.analysis import snapshot
from serving.analysis.repository import CloseRow, PortfolioRow, ValueRow
from serving.analysis.snapshot import NotAnalyzable
from serving.analysis.state import SessionState, SessionStore, key_of
from tests.factories.ports import free_port

PORTFOLIO = PortfolioRow(UUID("017e2058-d640-7000-8000-000000000001"), "USD")
AAPL = ValueRow("AAPL", "USD", 100_000, 100_000)
VOD = ValueRow("VOD", "GBP", 40_000, 50_000)
FIRST = date(2022, 1, 3)


def closes(*symbols: str, days: int = 30, drift: str = "0.5") -> list[CloseRow]:
    """Closes that rise by `drift` a day."""
    return [
        CloseRow(symbol, FIRST + timedelta(days=day), Decimal(100) + Decimal(drift) * day)
        for symbol in symbols
        for day in range(days)
    ]


def test_a_snapshot_values_what_is_held_in_the_base_currency() -> None:
    taken = snapshot.take(PORTFOLIO, [AAPL, VOD], closes("AAPL", "VOD"))
    assert taken.total_value == Decimal(1500)
    assert dict(zip(taken.holdings.symbols, taken.holdings.values, strict=True)) == {"AAPL": 1000.0, "VOD": 500.0}
    assert taken.as_of == str(FIRST + timedelta(days=29))


def test_a_snapshot_cannot_be_changed_and_is_named_by_its_content() -> None:
    first, again = (snapshot.take(PORTFOLIO, [AAPL], closes("AAPL")) for _ in range(2))
    assert first.id == again.id
    with pytest.raises(ValueError, match="read-only"):
        first.holdings.values[0] = 0.0
    others = {
        snapshot.take(PORTFOLIO, [replace(AAPL, base_minor=100_001)], closes("AAPL")).id,
        snapshot.take(PORTFOLIO, [AAPL], closes("AAPL", drift="0.6")).id,
        snapshot.take(PORTFOLIO, [replace(AAPL, symbol="MSFT")], closes("MSFT")).id,
    }
    assert len(others | {first.id}) == 4


@pytest.mark.parametrize(
    ("rows", "history", "told"),
    [
        ([], [], "It holds nothing"),
        ([AAPL, VOD], closes("AAPL"), "no daily closes of VOD"),
        ([replace(AAPL, own_minor=None, base_minor=None)], closes("AAPL"), "AAPL has no price"),
        ([replace(VOD, base_minor=None)], closes("VOD"), "no exchange rate for GBP, in which VOD"),
        ([AAPL], closes("AAPL", drift="-10"), "do not fit together"),
    ],
)
def test_what_is_missing_is_named(rows: list[ValueRow], history: list[CloseRow], told: str) -> None:
    with pytest.raises(NotAnalyzable, match=told):
        snapshot.take(PORTFOLIO, rows, history)


def test_a_session_goes_on_without_redis_and_says_that_it_is_not_kept() -> None:
    async def work() -> SessionState:
        client = redis_store.connect_async(RedisSettings(port=free_port()), retries=0)
        store, key, run = SessionStore(client), key_of(PORTFOLIO.id, "mine"), PORTFOLIO.id
        try:
            await store.begin(key, run_id=run, ticker="AAPL", portfolio_id=PORTFOLIO.id, value=Decimal(1))
            await store.add_result(key, run_id=run, metric="momentum", value=None)
            await store.set_value(key, portfolio_id=PORTFOLIO.id, value=Decimal(2))
            return await store.read(key)
        finally:
            await client.aclose()

    assert asyncio.run(work()) == SessionState(is_stored=False)
