"""The demo's instruments and portfolios, the same on every machine: `python -m lakehouse.migrations.postgres.demo`."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID, uuid5

from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import ManualClock
from lakehouse.domain.ids import ENTROPY_BYTES, SYSTEM_USER, uuid7
from lakehouse.portfolio.transactions import Draft, Kind, gross_minor
from lakehouse.settings import Settings, load
from lakehouse.stores import postgres

OPENED_AT = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)

ADD_TRANSACTION: LiteralString = """
    INSERT INTO app.transaction (
        id, portfolio_id, account_id, kind, symbol, quantity, price, currency, gross_minor, cash_minor, occurred_at,
        settles_on, source, note, created_at
    ) VALUES (
        %(id)s, %(portfolio_id)s, %(account_id)s, %(kind)s, %(symbol)s, %(quantity)s, %(price)s, %(currency)s,
        %(gross_minor)s, 0, %(at)s, %(on)s, 'seed', 'the demo starts with it', %(at)s
    )
"""
ADD_LOT: LiteralString = """
    INSERT INTO app.lot (
        portfolio_id, symbol, id, opened_by, opened_at, original_quantity, quantity, cost_minor, currency
    ) VALUES (
        %(portfolio_id)s, %(symbol)s, %(id)s, %(id)s, %(at)s, %(units)s, %(units)s, %(cost_minor)s, %(currency)s
    )
"""
ADD_POSITION: LiteralString = """
    INSERT INTO app.position (portfolio_id, symbol, quantity, updated_at)
    VALUES (%(portfolio_id)s, %(symbol)s, %(units)s, %(at)s)
"""


@dataclass(frozen=True, slots=True)
class DemoInstrument:
    """An instrument of the S&P 500 price set that skfolio carries; all are quoted in US dollars. `cost` is the price
    set's (adjusted) close of the day on which the portfolios were opened; `sector` that of the Global Industry
    Classification Standard."""

    symbol: str
    name: str
    exchange: str
    cost: Decimal
    sector: str = ""
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
class _Held:
    """A holding as the books keep it: a transaction, the lot that it opened, the position."""

    id: UUID
    portfolio_id: UUID
    account_id: UUID
    draft: Draft
    gross_minor: int
    units: Decimal

    @property
    def names(self) -> dict[str, object]:
        """Parameters of the statements."""
        return {
            "id": self.id,
            "portfolio_id": self.portfolio_id,
            "account_id": self.account_id,
            "kind": self.draft.kind.value,
            "symbol": self.draft.symbol,
            "quantity": self.draft.quantity,
            "price": self.draft.price,
            "currency": self.draft.currency,
            "gross_minor": self.gross_minor,
            "cost_minor": self.gross_minor if self.units > 0 else -self.gross_minor,
            "units": self.units,
            "at": self.draft.occurred_at,
            "on": self.draft.occurred_at.date(),
        }


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
    DemoInstrument("AAPL", "Apple Inc.", "XNAS", Decimal("180.43"), "Information Technology"),
    DemoInstrument("AMD", "Advanced Micro Devices, Inc.", "XNAS", Decimal("150.24"), "Information Technology"),
    DemoInstrument("BAC", "Bank of America Corporation", "XNYS", Decimal("44.48"), "Financials"),
    DemoInstrument("BBY", "Best Buy Co., Inc.", "XNYS", Decimal("95.41"), "Consumer Discretionary"),
    DemoInstrument("CVX", "Chevron Corporation", "XNYS", Decimal("113.00"), "Energy"),
    DemoInstrument("GE", "General Electric Company", "XNYS", Decimal("74.68"), "Industrials"),
    DemoInstrument("HD", "The Home Depot, Inc.", "XNYS", Decimal("392.92"), "Consumer Discretionary"),
    DemoInstrument("JNJ", "Johnson & Johnson", "XNYS", Decimal("164.71"), "Health Care"),
    DemoInstrument("JPM", "JPMorgan Chase & Co.", "XNYS", Decimal("153.34"), "Financials"),
    DemoInstrument("KO", "The Coca-Cola Company", "XNYS", Decimal("56.73"), "Consumer Staples"),
    DemoInstrument("LLY", "Eli Lilly and Company", "XNYS", Decimal("266.51"), "Health Care"),
    DemoInstrument("MRK", "Merck & Co., Inc.", "XNYS", Decimal("73.47"), "Health Care"),
    DemoInstrument("MSFT", "Microsoft Corporation", "XNAS", Decimal("330.09"), "Information Technology"),
    DemoInstrument("PEP", "PepsiCo, Inc.", "XNAS", Decimal("166.18"), "Consumer Staples"),
    DemoInstrument("PFE", "Pfizer Inc.", "XNYS", Decimal("53.19"), "Health Care"),
    DemoInstrument("PG", "The Procter & Gamble Company", "XNYS", Decimal("156.00"), "Consumer Staples"),
    DemoInstrument("RRC", "Range Resources Corporation", "XNYS", Decimal("18.15"), "Energy"),
    DemoInstrument("UNH", "UnitedHealth Group Incorporated", "XNYS", Decimal("492.15"), "Health Care"),
    DemoInstrument("WMT", "Walmart Inc.", "XNYS", Decimal("141.29"), "Consumer Staples"),
    DemoInstrument("XOM", "Exxon Mobil Corporation", "XNYS", Decimal("60.13"), "Energy"),
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

    Idempotent: what exists already, under its id, symbol or name, is left as its owner made it. Only a draft, which an
    import or a seed made of a symbol that it did not know, becomes the instrument that it stands for.
    """
    with postgres.connect(settings.postgres) as connection:
        instruments = sum(_add_instrument(connection, instrument) for instrument in INSTRUMENTS)
        added = [portfolio for portfolio in PORTFOLIOS if _add_portfolio(connection, portfolio)]
        positions = sum(_add_positions(connection, portfolio) for portfolio in added)
    return SeedResult(instruments, len(added), positions)


def _add_instrument(connection: Connection[TupleRow], instrument: DemoInstrument) -> int:
    return connection.execute(
        "INSERT INTO app.instrument (symbol, name, currency, exchange, sector, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (symbol) DO UPDATE SET name = excluded.name, currency = excluded.currency, "
        "exchange = excluded.exchange, sector = excluded.sector, kind = 'equity', status = 'active', "
        "version = app.instrument.version + 1, updated_at = now() WHERE app.instrument.status = 'draft'",
        (instrument.symbol, instrument.name, instrument.currency, instrument.exchange, instrument.sector, OPENED_AT),
    ).rowcount


def _add_portfolio(connection: Connection[TupleRow], portfolio: DemoPortfolio) -> int:
    known = connection.execute(
        "SELECT 1 FROM app.portfolio WHERE id = %s OR (owner_id = %s AND name = %s)",
        (portfolio.id, SYSTEM_USER, portfolio.name),
    ).fetchone()
    if known is not None:
        return 0
    account = (_account_id(portfolio), SYSTEM_USER, portfolio.name, portfolio.base_currency, OPENED_AT)
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
    """Each holding is a transfer in, a short one a transfer out, at the cost of the day: the books start with it."""
    account_id = _account_id(portfolio)
    costs = {instrument.symbol: instrument for instrument in INSTRUMENTS}
    for symbol, quantity in portfolio.holdings:
        instrument = costs[symbol]
        draft = Draft(
            kind=Kind.TRANSFER_IN if quantity > 0 else Kind.TRANSFER_OUT,
            occurred_at=OPENED_AT,
            currency=instrument.currency,
            symbol=symbol,
            quantity=abs(quantity),
            price=instrument.cost,
        )
        held = _Held(_transaction_id(portfolio, symbol), portfolio.id, account_id, draft, gross_minor(draft), quantity)
        for statement in (ADD_TRANSACTION, ADD_LOT, ADD_POSITION):
            connection.execute(statement, held.names)
    return len(portfolio.holdings)


def _account_id(portfolio: DemoPortfolio) -> UUID:
    return uuid5(portfolio.id, "account")


def _transaction_id(portfolio: DemoPortfolio, symbol: str) -> UUID:
    """The same UUIDv7 on every machine."""
    return uuid7(ManualClock(OPENED_AT), uuid5(portfolio.id, symbol).bytes[:ENTROPY_BYTES])


if __name__ == "__main__":
    sys.stdout.write(f"{seed_demo(load())}\n")
