"""A lake of its own for a test: a bucket, a migrated PostgreSQL, and bronze rows with real provenance columns."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from psycopg import sql

from lakehouse.contracts.model import Table
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY, MARKET_TICKS
from lakehouse.settings import PostgresSettings, Settings, inherited_environment
from lakehouse.stores import delta, objects, postgres

LANDED_AT = datetime(2022, 12, 28, 22, tzinfo=UTC)


@contextmanager
def lake_of_its_own(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Settings with a fresh bucket on the stack's object store, and with empty run records."""
    bucket = f"tidemark-test-{secrets.token_hex(6)}"
    section = stack.s3.model_copy(update={"lake_bucket": bucket})
    client = objects.connect(section)
    objects.ensure_bucket(client, bucket)
    with postgres.connect(database) as connection:
        connection.execute("TRUNCATE ops.job_run, ops.asset_status, ops.quality_finding")
        for name in ("position", "portfolio", "account", "corporate_action", "instrument"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("app", name)))
    try:
        yield stack.model_copy(update={"s3": section, "postgres": database})
    finally:
        objects.remove_prefix(client, bucket, "")
        client.remove_bucket(bucket_name=bucket)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which a child process finds the same settings."""
    return {
        **inherited_environment(),
        "TIDEMARK_HOME": str(settings.home),
        "TIDEMARK_S3__ENDPOINT_URL": settings.s3.endpoint_url,
        "TIDEMARK_S3__ACCESS_KEY": settings.s3.access_key,
        "TIDEMARK_S3__SECRET_KEY": settings.s3.secret_key.get_secret_value(),
        "TIDEMARK_S3__LAKE_BUCKET": settings.s3.lake_bucket,
        "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
        "TIDEMARK_POSTGRES__USER": settings.postgres.user,
        "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
        "TIDEMARK_SPARK__REMOTE": settings.spark.remote,
        "TIDEMARK_CLICKHOUSE__PORT": str(settings.clickhouse.port),
        "TIDEMARK_CLICKHOUSE__PASSWORD": settings.clickhouse.password.get_secret_value(),
        "TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD": settings.clickhouse.analyst_password.get_secret_value(),
    }


def bar(symbol: str, day: date, close: str, **given: Any) -> dict[str, Any]:
    """A daily bar's own columns."""
    plain = {"kind": "close", "provider": "test", "currency": "USD", "open": None, "high": None, "low": None}
    return {**plain, "volume": None, "symbol": symbol, "business_date": day, "close": Decimal(close), **given}


def tick(symbol: str, at: datetime, sequence: int, price: float | None = 100.0, **given: Any) -> dict[str, Any]:
    """A tick's own columns."""
    plain = {"kind": "trade", "provider": "test", "size": 1.0, "bid_price": None, "bid_size": None}
    rest = {"ask_price": None, "ask_size": None, "exchange": None, "condition": None}
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return {**plain, **rest, "symbol": symbol, "event_time_us": micros, "sequence": sequence, "price": price, **given}


def bronze_rows(table: Table, rows: Iterable[Mapping[str, Any]], first_offset: int = 0) -> pa.Table:
    """Rows as the lander writes them, in partition 0 unless a row says otherwise; each lands a millisecond later."""
    topic = {MARKET_BARS_DAILY.name: "market.bars.daily", MARKET_TICKS.name: "market.ticks"}[table.name]
    landed = [
        {
            "_topic": topic,
            "_partition": 0,
            "_offset": first_offset + number,
            "_kafka_ts": LANDED_AT + timedelta(milliseconds=first_offset + number),
            "_ingest_ts": LANDED_AT,
            "_ingest_date": LANDED_AT.date(),
            "_schema_id": 1,
            "_extra": None,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(landed, arrow.schema(table))


def land(settings: Settings, table: Table, rows: Iterable[Mapping[str, Any]], first_offset: int = 0) -> None:
    """Append rows to a bronze table as the lander would."""
    target = delta.ensure_table(settings.s3, table)
    write_deltalake(target, bronze_rows(table, rows, first_offset), mode="append")


def put(settings: Settings, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows to a table that a Spark job publishes elsewhere: for tests of the jobs that read it."""
    write_deltalake(
        delta.uri(settings.s3, table),
        pa.Table.from_pylist(list(rows), arrow.schema(table)),
        partition_by=table.partition_by,
        mode="append",
        storage_options=delta.options(settings.s3),
    )


def silver_bar(symbol: str, day: date, close: str, **given: Any) -> dict[str, Any]:
    """A row of silver.daily_bars_v1."""
    return {**bar(symbol, day, close, **given), "business_year": day.year, "_partition": 0, "_offset": 0}
