"""A book to watch: 50,000 positions of 2,000 portfolios in 2,000 symbols, five rules each, and a probe's rule a
partition. Written by a few statements as the books keep it: a transfer, the lot that it opened, the position."""

from typing import Final, LiteralString

from bench.hot_load import BOUND, SYMBOLS, probe, symbol
from lakehouse.settings import Settings
from lakehouse.stores import postgres

PORTFOLIOS: Final = 2_000
HELD: Final = 25
OWNERS: Final = 100

INSTRUMENTS: Final[LiteralString] = """
    INSERT INTO app.instrument (symbol, name, currency, exchange)
    SELECT s.symbol, s.symbol, 'USD', 'XNAS' FROM unnest(%(symbols)s::text[]) AS s (symbol)
"""
USERS: Final[LiteralString] = """
    INSERT INTO auth.app_user (id, email, display_name)
    SELECT md5('owner ' || n)::uuid, 'owner' || n || '@example.com', 'owner ' || n
    FROM generate_series(0, %(owners)s - 1) AS n
"""
ACCOUNTS: Final[LiteralString] = """
    INSERT INTO app.account (id, owner_id, name, base_currency)
    SELECT md5('account ' || n)::uuid, md5('owner ' || n %% %(owners)s)::uuid, 'account ' || n, 'USD'
    FROM generate_series(0, %(portfolios)s - 1) AS n
"""
BOOKS: Final[LiteralString] = """
    INSERT INTO app.portfolio (id, owner_id, account_id, name, base_currency)
    SELECT md5('portfolio ' || n)::uuid, md5('owner ' || n %% %(owners)s)::uuid, md5('account ' || n)::uuid,
           'portfolio ' || n, 'USD'
    FROM generate_series(0, %(portfolios)s - 1) AS n
"""
# Neighbouring symbols of a stride that is prime to their number: every symbol is held equally often.
HOLDINGS: Final[LiteralString] = """
    CREATE TEMPORARY TABLE held ON COMMIT DROP AS
    SELECT n, md5('portfolio ' || n)::uuid AS portfolio_id, md5('account ' || n)::uuid AS account_id,
           (%(symbols)s::text[])[(n * %(held)s + k * 37) %% %(count)s + 1] AS symbol,
           100 + (n + k) %% 50 AS quantity, md5('trade ' || n || ' ' || k)::uuid AS id,
           timestamptz '2022-01-03 14:30Z' AS at
    FROM generate_series(0, %(portfolios)s - 1) AS n, generate_series(0, %(held)s - 1) AS k
"""
TRANSFERS: Final[LiteralString] = """
    INSERT INTO app.transaction (
        id, portfolio_id, account_id, kind, symbol, quantity, price, currency, gross_minor, cash_minor, occurred_at,
        settles_on, source
    )
    SELECT h.id, h.portfolio_id, h.account_id, 'transfer_in', h.symbol, h.quantity, 100, 'USD', h.quantity * 10000, 0,
           h.at, h.at::date, 'seed'
    FROM held AS h
"""
LOTS: Final[LiteralString] = """
    INSERT INTO app.lot (
        portfolio_id, symbol, id, opened_by, opened_at, original_quantity, quantity, cost_minor, currency
    )
    SELECT h.portfolio_id, h.symbol, h.id, h.id, h.at, h.quantity, h.quantity, h.quantity * 10000, 'USD' FROM held AS h
"""
POSITIONS: Final[LiteralString] = """
    INSERT INTO app.position (portfolio_id, symbol, quantity, updated_at)
    SELECT h.portfolio_id, h.symbol, h.quantity, h.at FROM held AS h
"""
# Two of a position and three of its portfolio; far enough away that a calm market breaks none of them.
RULES: Final[LiteralString] = """
    INSERT INTO alerting.rule (
        id, owner_id, portfolio_id, symbol, kind, limit_value, is_amount, hysteresis, cool_down_s, once, severity,
        status, armed_at, created_at, updated_at
    )
    SELECT md5('rule ' || n || r.kind)::uuid, md5('owner ' || n %% %(owners)s)::uuid, md5('portfolio ' || n)::uuid,
           CASE WHEN r.of_position THEN (%(symbols)s::text[])[(n * %(held)s) %% %(count)s + 1] END, r.kind, r.bound,
           false, 0, 0, false, 'warning', 'active', now(), now(), now()
    FROM generate_series(0, %(portfolios)s - 1) AS n,
         (VALUES ('stop_loss', true, 1.0), ('take_profit', true, 10000.0), ('drawdown', false, 0.3),
                 ('daily_loss', false, 0.3), ('concentration', false, 0.9)) AS r (kind, of_position, bound)
"""
PROBES: Final[LiteralString] = """
    INSERT INTO alerting.rule (
        id, owner_id, symbol, kind, limit_value, is_amount, hysteresis, cool_down_s, once, severity, status, armed_at,
        created_at, updated_at
    )
    SELECT md5('rule ' || p.symbol)::uuid, md5('owner 0')::uuid, p.symbol, 'price_above', %(bound)s, false, 0, 0, false,
           'warning', 'active', now(), now(), now()
    FROM unnest(%(probes)s::text[]) AS p (symbol)
"""


def fill(settings: Settings, partitions: int) -> None:
    """Write the book into an empty platform."""
    names = [symbol(number) for number in range(SYMBOLS)]
    probes = [probe(partition) for partition in range(partitions)]
    given = {
        "symbols": [*names, *probes],
        "probes": probes,
        "bound": BOUND,
        "count": SYMBOLS,
        "owners": OWNERS,
        "portfolios": PORTFOLIOS,
        "held": HELD,
    }
    with postgres.connect(settings.postgres) as connection:
        for statement in (INSTRUMENTS, USERS, ACCOUNTS, BOOKS, HOLDINGS, TRANSFERS, LOTS, POSITIONS, RULES, PROBES):
            connection.execute(statement, given)
        connection.commit()
        connection.execute("ANALYZE")
