"""A database from before there were transactions: its positions become transactions and lots that count up."""

import asyncio
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from lakehouse.cli.recount_job import count
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.migrations.postgres import runner
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.books.booking import book, open_books
from tests.factories.books import CLOCK, at, buy, deposit, sell, writing

pytestmark = pytest.mark.integration

PORTFOLIO = UUID("017e2058-d640-7000-8000-0000000000aa")
UPGRADE = command.upgrade


def until_v0002(config: Config, revision: str) -> None:
    """As far as databases had come before there were users."""
    assert revision == "head"
    UPGRADE(config, "v0002_runs")


def undescribed(connection: Connection) -> None:
    """The tables that the contracts describe are not all there yet."""
    assert not connection.closed


async def trade_on(settings: Settings) -> None:
    """Sell what was held, and cover what was short."""
    async with writing(settings) as connection:
        books = await open_books(connection, PORTFOLIO, owner_id=SYSTEM_USER)
        assert books is not None
        drafts = [deposit(900, 10**6), sell(901, "4", "10"), buy(902, "3", "10", symbol="MSFT")]
        await book(connection, books, drafts, clock=CLOCK)


def test_they_are_kept_and_go_on(server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(command, "upgrade", until_v0002)
        before.setattr(runner, "_describe", undescribed)
        runner.upgrade(server)
    with postgres.connect(server.postgres) as connection:
        connection.execute(
            "INSERT INTO app.instrument (symbol, name, currency, exchange) "
            "VALUES ('AAPL', 'Apple', 'USD', 'XNAS'), ('MSFT', 'Microsoft', 'USD', 'XNAS')"
        )
        connection.execute(
            "INSERT INTO app.portfolio (id, name, base_currency) VALUES (%s, 'old', 'USD')", (PORTFOLIO,)
        )
        connection.execute(
            "INSERT INTO app.position (portfolio_id, symbol, quantity, updated_at) "
            "VALUES (%(p)s, 'AAPL', 12.5, %(at)s), (%(p)s, 'MSFT', -7, %(at)s)",
            {"p": PORTFOLIO, "at": at(0)},
        )
    runner.upgrade(server)
    with postgres.connect(server.postgres) as connection:
        kept = connection.execute("SELECT symbol, kind, quantity FROM app.transaction ORDER BY symbol").fetchall()
        versions = connection.execute("SELECT DISTINCT substr(id::text, 15, 1) FROM app.transaction").fetchall()
    assert [(symbol, kind, float(units)) for symbol, kind, units in kept] == [
        ("AAPL", "transfer_in", 12.5),
        ("MSFT", "transfer_out", 7.0),
    ]
    assert versions == [("7",)]
    assert count(server.postgres).is_clean
    asyncio.run(trade_on(server))
    with postgres.connect(server.postgres) as connection:
        held = connection.execute("SELECT symbol, quantity FROM app.position ORDER BY symbol").fetchall()
    assert [(symbol, float(units)) for symbol, units in held] == [("AAPL", 8.5), ("MSFT", -4.0)]
    assert count(server.postgres).is_clean
