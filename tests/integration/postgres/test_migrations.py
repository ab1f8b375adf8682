"""An empty PostgreSQL, migrated, equals the contracts, and refuses what they forbid."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest

from lakehouse.contracts.model import Store, Table
from lakehouse.contracts.render import postgres as render
from lakehouse.contracts.render.postgres import PostgresColumn
from lakehouse.contracts.tables import tables_in
from lakehouse.migrations import postgres as migrations
from lakehouse.migrations.postgres.demo import INSTRUMENTS, PORTFOLIOS, SeedResult, seed_demo
from lakehouse.migrations.postgres.runner import VERSION_TABLE
from lakehouse.settings import Settings
from lakehouse.stores import postgres

pytestmark = pytest.mark.integration

STEPS = [
    "v0001_portfolios",
    "v0002_runs",
    "v0003_users",
    "v0004_ledger",
    "v0005_books",
    "v0006_orders",
    "v0007_plumbing",
    "v0010_identity",
    "v0011_market",
    "v0012_resources",
    "v0013_payments",
    "v0014_chain",
    "v0015_valuations",
    "v0016_risk_requests",
    "v0017_order_rules",
    "v0018_conversions",
    "v0019_proposals",
    "v0020_models",
    "v0021_quality",
    "v0022_first_moves",
    "v0023_alerting",
    "v0024_quote_tick",
    "v0027_hot",
    "v0029_allocation",
    "v0028_trailing",
    "v0030_signals",
    "v0031_indexes",
    "v0032_broker",
]
NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)

TABLES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|_?timescaledb|information_schema)' AND c.relkind = 'r' AND c.relname <> %s
    ORDER BY (n.nspname || '.' || c.relname) COLLATE "C"
"""
COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, col_description(attrelid, attnum)
    FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum
"""
KEY = """
    SELECT array_agg(a.attname::text ORDER BY array_position(k.conkey, a.attnum))
    FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    WHERE k.conrelid = %s::regclass AND k.contype = 'p'
"""
COMMENT = "SELECT obj_description(%s::regclass)"

RUN = "INSERT INTO ops.job_run (run_id, job, business_date, state, started_at, finished_at, manifest) VALUES "
# A copy of a transaction of the demo with other values; and one of its lots, an account of the ledger.
COPY_OF = "INSERT INTO app.transaction SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid()) || "
OF_DEMO = ")).* FROM app.transaction AS t WHERE t.kind = 'transfer_in' LIMIT 1"
DEMO_ACCOUNT = "(SELECT id FROM app.account LIMIT 1)"
LEDGER = (
    "INSERT INTO ledger.account (id, account_id, purpose, currency, allows_negative, balance_minor, reserved_minor) "
    "VALUES (gen_random_uuid(), (SELECT id FROM app.account LIMIT 1), "
)
# One statement a rule; each is refused although everything else about the row is right.
FORBIDDEN: tuple[tuple[str, LiteralString], ...] = (
    ("position_quantity_real", "UPDATE app.position SET quantity = 0"),
    ("position_quantity_real", "UPDATE app.position SET quantity = 'NaN'"),
    ("position_portfolio_fkey", "UPDATE app.position SET portfolio_id = gen_random_uuid() WHERE symbol = 'BBY'"),
    ("position_instrument_fkey", "UPDATE app.position SET symbol = 'NONE' WHERE symbol = 'BBY'"),
    ("position_instrument_fkey", "DELETE FROM app.instrument WHERE symbol = 'AAPL'"),
    ("portfolio_name_unique", "UPDATE app.portfolio SET name = 'same'"),
    ("portfolio_name_not_blank", "UPDATE app.portfolio SET name = '  ' WHERE name LIKE 'Global%'"),
    ("portfolio_currency_iso", "UPDATE app.portfolio SET base_currency = 'usd'"),
    ("portfolio_currency_iso", "UPDATE app.portfolio SET base_currency = E'USD\\n'"),
    ("instrument_currency_iso", "UPDATE app.instrument SET currency = 'DOLLAR'"),
    ("instrument_exchange_mic", "UPDATE app.instrument SET exchange = 'NASDAQ'"),
    ("instrument_symbol_shape", "UPDATE app.instrument SET symbol = 'bad symbol' WHERE symbol = 'BBY'"),
    ("job_run_state_known", RUN + "('r', 'j', '2022-12-28', 'odd', now(), now(), '{}')"),
    ("job_run_finished_when_over", RUN + "('r', 'j', '2022-12-28', 'published', now(), NULL, '{}')"),
    ("job_run_finished_when_over", RUN + "('r', 'j', '2022-12-28', 'running', now(), now(), '{}')"),
    ("job_run_time_forward", RUN + "('r', 'j', '2022-12-28', 'failed', now(), now() - interval '1 s', '{}')"),
    ("job_run_manifest_object", RUN + "('r', 'j', '2022-12-28', 'running', now(), NULL, '[]')"),
    ("transaction_kind_known", COPY_OF + """'{"kind": "gift"}'""" + OF_DEMO),
    ("transaction_source_known", COPY_OF + """'{"source": "rumour"}'""" + OF_DEMO),
    ("transaction_symbol_where_needed", COPY_OF + """'{"symbol": null}'""" + OF_DEMO),
    ("transaction_units_where_needed", COPY_OF + """'{"price": null}'""" + OF_DEMO),
    ("transaction_units_where_needed", COPY_OF + """'{"kind": "dividend"}'""" + OF_DEMO),
    ("transaction_quantity_positive", COPY_OF + """'{"quantity": 0}'""" + OF_DEMO),
    ("transaction_price_real", COPY_OF + """'{"price": -1}'""" + OF_DEMO),
    ("transaction_fx_positive", COPY_OF + """'{"fx_rate": 0}'""" + OF_DEMO),
    ("transaction_ratio_where_needed", COPY_OF + """'{"ratio": 2}'""" + OF_DEMO),
    ("transaction_spin_off_complete", COPY_OF + """'{"related_symbol": "AAPL"}'""" + OF_DEMO),
    ("transaction_charges_positive", COPY_OF + """'{"gross_minor": -1}'""" + OF_DEMO),
    ("transaction_charges_positive", COPY_OF + """'{"fee_minor": -1}'""" + OF_DEMO),
    ("transaction_cash_sign", COPY_OF + """'{"cash_minor": 1}'""" + OF_DEMO),
    ("transaction_text_length", COPY_OF + """jsonb_build_object('note', repeat('x', 501))""" + OF_DEMO),
    ("transaction_currency_fkey", COPY_OF + """'{"currency": "ZZZ"}'""" + OF_DEMO),
    ("transaction_instrument_fkey", COPY_OF + """'{"symbol": "NONE"}'""" + OF_DEMO),
    ("transaction_portfolio_fkey", COPY_OF + """jsonb_build_object('portfolio_id', gen_random_uuid())""" + OF_DEMO),
    ("transaction_account_fkey", COPY_OF + """jsonb_build_object('account_id', gen_random_uuid())""" + OF_DEMO),
    ("lot_open", "UPDATE app.lot SET quantity = 0"),
    ("lot_open", "UPDATE app.lot SET quantity = -quantity"),
    ("position_reserved_covered", "UPDATE app.position SET reserved_quantity = quantity + 1 WHERE quantity > 0"),
    ("position_reserved_covered", "UPDATE app.position SET reserved_quantity = 1 WHERE quantity < 0"),
    ("portfolio_account_unique", "UPDATE app.portfolio SET account_id = " + DEMO_ACCOUNT),
    ("portfolio_owner_fkey", "UPDATE app.portfolio SET owner_id = gen_random_uuid()"),
    ("account_lot_method_known", "UPDATE app.account SET lot_method = 'best'"),
    ("account_kind_known", "UPDATE app.account SET kind = 'piggy bank'"),
    ("account_status_known", "UPDATE app.account SET status = 'lost'"),
    ("account_name_unique", "UPDATE app.account SET name = 'same'"),
    ("account_name_not_blank", "UPDATE app.account SET name = ' ' WHERE name LIKE 'Global%'"),
    ("account_currency_iso", "UPDATE app.account SET base_currency = 'usd'"),
    ("currency_code_shape", "INSERT INTO ledger.currency VALUES ('usd', 2)"),
    ("currency_digits_range", "INSERT INTO ledger.currency VALUES ('ABC', 9)"),
    ("ledger_account_no_overdraft", LEDGER + "'cash', 'USD', false, -1, 0)"),
    ("ledger_account_reserved_covered", LEDGER + "'cash', 'USD', false, 5, 6)"),
    ("ledger_account_reserved_covered", LEDGER + "'fees', 'USD', true, 5, 1)"),
    ("ledger_account_sign", LEDGER + "'cash', 'USD', true, 0, 0)"),
    ("ledger_account_sign", LEDGER + "'fees', 'USD', false, 0, 0)"),
    ("ledger_account_purpose_known", LEDGER + "'fun', 'USD', true, 0, 0)"),
    ("ledger_account_currency_fkey", LEDGER + "'fx', 'ZZZ', true, 0, 0)"),
    ("fx_rate_pair", "INSERT INTO market.fx_rate VALUES ('USD', 'USD', '2024-01-01', 1, 'p')"),
    ("fx_rate_positive", "INSERT INTO market.fx_rate VALUES ('EUR', 'USD', '2024-01-01', 0, 'p')"),
    ("asset_status_rows_counted", "INSERT INTO ops.asset_status VALUES ('t', 'p', 1, -1, 'r', now())"),
)


@pytest.fixture(scope="module")
def migrated(empty: Settings) -> Settings:
    """A database that two processes migrated at the same time, seeded once."""
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrations.upgrade, (empty, empty)))
    assert sorted(applied) == [[], STEPS]
    seed_demo(empty)
    return empty


def _column(connection: psycopg.Connection, statement: LiteralString, *parameters: object) -> list[object]:
    return [row[0] for row in connection.execute(statement, parameters).fetchall()]


def test_the_tables_are_those_of_the_contracts(migrated: Settings) -> None:
    with postgres.connect(migrated.postgres) as connection:
        found = _column(connection, TABLES, VERSION_TABLE)
    assert found == sorted(table.name for table in tables_in(Store.POSTGRES))


@pytest.mark.parametrize("table", tables_in(Store.POSTGRES), ids=lambda table: table.name)
def test_no_difference_from_the_contract(migrated: Settings, table: Table) -> None:
    with postgres.connect(migrated.postgres) as connection:
        rows = connection.execute(COLUMNS, (table.name,)).fetchall()
        key = _column(connection, KEY, table.name)
        comment = _column(connection, COMMENT, table.name)
    assert tuple(PostgresColumn(*row) for row in rows) == render.columns(table)
    assert key == [list(table.key) or None]
    assert comment == [f"{table.doc} Grain: {table.grain}."]


def test_a_second_upgrade_changes_nothing(migrated: Settings) -> None:
    assert migrations.upgrade(migrated) == []


def test_a_second_seed_changes_nothing_and_leaves_what_its_owner_changed(migrated: Settings) -> None:
    with postgres.connect(migrated.postgres) as connection:
        connection.execute("DELETE FROM app.position WHERE symbol = 'BBY'")
        before = _column(connection, "SELECT p::text FROM app.position AS p ORDER BY portfolio_id, symbol")
    assert seed_demo(migrated) == SeedResult(instruments=0, portfolios=0, positions=0)
    with postgres.connect(migrated.postgres) as connection:
        after = _column(connection, "SELECT p::text FROM app.position AS p ORDER BY portfolio_id, symbol")
        connection.execute(
            "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, 'BBY', 640)", (PORTFOLIOS[0].id,)
        )
    assert before == after
    assert len(INSTRUMENTS) == 20


@pytest.mark.parametrize(("rule", "statement"), FORBIDDEN)
def test_the_database_itself_refuses(migrated: Settings, rule: str, statement: LiteralString) -> None:
    with postgres.connect(migrated.postgres) as connection, pytest.raises(psycopg.IntegrityError) as refusal:
        connection.execute(statement)
    assert refusal.value.diag.constraint_name == rule


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO alerting.alert SELECT * FROM alerting.alert",
        "SELECT * FROM alerting.mail",
        "DELETE FROM trading.halt",
        "UPDATE trading.halt SET reason = 'another'",
        "UPDATE broker.submission SET status = 'ended'",
        "INSERT INTO broker.route SELECT * FROM broker.route",
        "SELECT * FROM broker.difference",
    ],
)
def test_the_role_of_the_api_may_do_no_more_than_it_does(migrated: Settings, statement: LiteralString) -> None:
    with postgres.connect(migrated.postgres) as connection:
        connection.execute("SET ROLE tidemark_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_database_that_is_ahead_of_the_code_is_named(migrated: Settings) -> None:
    with postgres.connect(migrated.postgres) as connection:
        connection.execute("UPDATE ops.schema_version SET version_num = 'v9999_future'")
    try:
        with pytest.raises(migrations.MigrationError, match="v9999_future"):
            migrations.upgrade(migrated)
    finally:
        with postgres.connect(migrated.postgres) as connection:
            connection.execute("UPDATE ops.schema_version SET version_num = %s", (STEPS[-1],))
