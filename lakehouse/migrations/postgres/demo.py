"""The demo's instruments and portfolios, the same on every machine: `python -m lakehouse.migrations.postgres.demo`."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.settings import Settings, load
from lakehouse.stores import postgres

OPENED_AT = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoInstrument:
    """An instrument of the S&P 500 price set that skfolio carries; all are quoted in US dollars."""

    symbol: str
    name: str
    exchange: str
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class DemoPortfolio:
    """A portfolio with fixed holdings: units by symbol, negative is short."""

    id: UUID
    name: str
    description: str
    holdings: tuple[tuple[str, Decimal], ...]
    base_currency: str = "USD"


@dataclass(frozen=True, slots=True)
class SeedResult:
    """Rows that this run put in: all zero when the demo was there already."""

    instruments: int
    portfolios: int
    positions: int


def _holdings(text: str) -> tuple[tuple[str, Decimal], ...]:
    """`AAPL 100, XOM -20` as pairs."""
    pairs = (entry.split() for entry in text.split(","))
    return tuple((symbol, Decimal(quantity)) for symbol, quantity in pairs)


INSTRUMENTS = (
    DemoInstrument("AAPL", "Apple Inc.", "XNAS"),
    DemoInstrument("AMD", "Advanced Micro Devices, Inc.", "XNAS"),
    DemoInstrument("BAC", "Bank of America Corporation", "XNYS"),
    DemoInstrument("BBY", "Best Buy Co., Inc.", "XNYS"),
    DemoInstrument("CVX", "Chevron Corporation", "XNYS"),
    DemoInstrument("GE", "General Electric Company", "XNYS"),
    DemoInstrument("HD", "The Home Depot, Inc.", "XNYS"),
    DemoInstrument("JNJ", "Johnson & Johnson", "XNYS"),
    DemoInstrument("JPM", "JPMorgan Chase & Co.", "XNYS"),
    DemoInstrument("KO", "The Coca-Cola Company", "XNYS"),
    DemoInstrument("LLY", "Eli Lilly and Company", "XNYS"),
    DemoInstrument("MRK", "Merck & Co., Inc.", "XNYS"),
    DemoInstrument("MSFT", "Microsoft Corporation", "XNAS"),
    DemoInstrument("PEP", "PepsiCo, Inc.", "XNAS"),
    DemoInstrument("PFE", "Pfizer Inc.", "XNYS"),
    DemoInstrument("PG", "The Procter & Gamble Company", "XNYS"),
    DemoInstrument("RRC", "Range Resources Corporation", "XNYS"),
    DemoInstrument("UNH", "UnitedHealth Group Incorporated", "XNYS"),
    DemoInstrument("WMT", "Walmart Inc.", "XNYS"),
    DemoInstrument("XOM", "Exxon Mobil Corporation", "XNYS"),
)

PORTFOLIOS = (
    DemoPortfolio(
        UUID("017e2058-d640-7000-8000-000000000001"),
        "Global Equity Core",
        "Long only, all twenty names of the demo's price set, in near equal amounts.",
        _holdings(
            "AAPL 400, AMD 800, BAC 1550, BBY 640, CVX 290, GE 780, HD 160, JNJ 290, JPM 390, KO 800, "
            "LLY 140, MRK 455, MSFT 215, PEP 280, PFE 1015, PG 335, RRC 2040, UNH 95, WMT 355, XOM 470"
        ),
    ),
    DemoPortfolio(
        UUID("017e2058-d640-7000-8000-000000000002"),
        "Health & Staples Income",
        "Long only, defensive: health care and consumer staples.",
        _holdings("JNJ 1200, KO 2600, LLY 260, MRK 1300, PEP 700, PFE 2500.5, PG 900, UNH 180, WMT 750"),
    ),
    DemoPortfolio(
        UUID("017e2058-d640-7000-8000-000000000003"),
        "Long/Short Tech-Energy",
        "Long technology against short energy, so that losses come when the two part the wrong way.",
        _holdings("AAPL 1500, AMD 2400, MSFT 900, CVX -700, RRC -3500, XOM -1100"),
    ),
)


def seed_demo(settings: Settings) -> SeedResult:
    """Put the demo's instruments and portfolios into a migrated database, in one transaction.

    Idempotent: what exists already, under its id, symbol or name, is left as its owner made it.
    """
    with postgres.connect(settings.postgres) as connection:
        instruments = sum(_add_instrument(connection, instrument) for instrument in INSTRUMENTS)
        added = [portfolio for portfolio in PORTFOLIOS if _add_portfolio(connection, portfolio)]
        positions = sum(_add_positions(connection, portfolio) for portfolio in added)
    return SeedResult(instruments, len(added), positions)


def _add_instrument(connection: Connection[TupleRow], instrument: DemoInstrument) -> int:
    return connection.execute(
        "INSERT INTO app.instrument (symbol, name, currency, exchange, created_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (instrument.symbol, instrument.name, instrument.currency, instrument.exchange, OPENED_AT),
    ).rowcount


def _add_portfolio(connection: Connection[TupleRow], portfolio: DemoPortfolio) -> int:
    known = connection.execute(
        "SELECT 1 FROM app.portfolio WHERE id = %s OR (owner_id = %s AND name = %s)",
        (portfolio.id, SYSTEM_USER, portfolio.name),
    ).fetchone()
    if known is not None:
        return 0
    account = (uuid5(portfolio.id, "account"), SYSTEM_USER, portfolio.name, portfolio.base_currency, OPENED_AT)
    connection.execute(
        "INSERT INTO app.account (id, owner_id, name, base_currency, allows_short, created_at) "
        "VALUES (%s, %s, %s, %s, true, %s)",
        account,
    )
    return connection.execute(
        "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            portfolio.id,
            SYSTEM_USER,
            account[0],
            portfolio.name,
            portfolio.description,
            portfolio.base_currency,
            OPENED_AT,
        ),
    ).rowcount


def _add_positions(connection: Connection[TupleRow], portfolio: DemoPortfolio) -> int:
    rows = [(portfolio.id, symbol, quantity, OPENED_AT) for symbol, quantity in portfolio.holdings]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO app.position (portfolio_id, symbol, quantity, updated_at) VALUES (%s, %s, %s, %s)", rows
        )
        return cursor.rowcount


if __name__ == "__main__":
    sys.stdout.write(f"{seed_demo(load())}\n")
