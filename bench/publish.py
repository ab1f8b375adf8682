"""Gold into ClickHouse: the checked pull and swap, beside a bare read of the same files (the limit) and pushed rows."""

import secrets
from datetime import date

import psutil
from clickhouse_connect.driver.client import Client
from pyspark.sql import DataFrame, SparkSession

from bench.harness import REPEATS, Result, wall_s
from lakehouse.contracts.render.clickhouse import quote_name
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.local import stack, status
from lakehouse.migrations import clickhouse as migrations
from lakehouse.settings import Settings
from lakehouse.stores import clickhouse, delta, objects, spark
from spark_jobs.kit.audit import Around, audit
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import PartitionRecord
from spark_jobs.kit.model import Audit, Output, partitions
from spark_jobs.kit.run import quiet
from spark_jobs.publish_marts.loads import SOURCE, Mart

ROWS, YEARS = 2_000_000, (2020, 2021)
PEER_ROWS, PEER_BATCH = 200_000, 10_000
GOAL_PER_CORE = 1_000_000.0


def rows(session: SparkSession) -> DataFrame:
    """Made-up returns, half of them in each year, every key once."""
    new_year = f"make_date({YEARS[0]} + cast(id % 2 AS int), 1, 1)"
    return session.range(ROWS).selectExpr(
        f"cast({YEARS[0]} + id % 2 AS int) AS business_year",
        "concat('S', lpad(cast(id div 400 AS string), 5, '0')) AS symbol",
        f"date_add({new_year}, cast(id % 400 div 2 AS int)) AS business_date",
        f"date_add({new_year}, cast(id % 400 div 2 - 1 AS int)) AS previous_date",
        "'USD' AS currency",
        "cast(100 + id % 9973 AS decimal(18, 8)) AS close",
        "(id % 1999 - 999) / 1e5D AS simple_return",
        "ln(1 + (id % 1999 - 999) / 1e5D) AS log_return",
    )


def checked_pull(mart: Mart, expected: dict[str, PartitionRecord], version: int) -> float:
    """Rows a second of the job's whole path: staging table, pull, sums against the manifest, swap, count again."""
    return ROWS / wall_s(lambda: mart.load(expected, version, secrets.token_hex(4), quiet))


def bare_read(mart: Mart, version: int) -> float:
    """Rows a second that ClickHouse reads of the same version and throws away: no pull can be faster."""
    columns = ", ".join(quote_name(name) for name in RETURNS_DAILY.column_names)
    section = mart.settings.s3
    credentials = {
        "url": f"{section.endpoint_url}/{delta.path(section, RETURNS_DAILY)}",
        "access_key": section.access_key,
        "secret_key": section.secret_key.get_secret_value(),
    }
    statement = (
        f"INSERT INTO FUNCTION null('{_structure(mart.client)}') SELECT {columns} FROM {SOURCE} "  # noqa: S608  contract names, quoted
        f"SETTINGS delta_lake_snapshot_version = {version:d}"
    )
    return ROWS / wall_s(lambda: mart.client.command(statement, parameters=dict(credentials)))


def pushed_rows(mart: Mart, frame: DataFrame) -> float:
    """Rows a second of the usual way: collect from Spark, insert batches of rows; a retry of it would double them."""
    name = quote_name("bench_pushed")
    mart.client.command(f"CREATE OR REPLACE TABLE {name} AS {mart.name}")

    def push() -> None:
        batch = [tuple(row) for row in frame.limit(PEER_ROWS).collect()]
        for first in range(0, PEER_ROWS, PEER_BATCH):
            mart.client.insert(
                "bench_pushed", batch[first : first + PEER_BATCH], column_names=RETURNS_DAILY.column_names
            )

    return PEER_ROWS / wall_s(push)


def run(settings: Settings) -> list[Result]:
    """Rows a second by the wall clock, and per second of CPU that ClickHouse spends: its rate on one core."""
    objects.ensure_bucket(objects.connect(settings.s3), settings.s3.lake_bucket)
    migrations.upgrade(settings)
    session = spark.connect(settings.spark)
    try:
        with clickhouse.connect(settings.clickhouse) as client:
            return _results(Lake(session, settings.s3), Mart(client, settings, RETURNS_DAILY), _output(session))
    finally:
        session.stop()


def _results(lake: Lake, mart: Mart, output: Output) -> list[Result]:
    lake.create(RETURNS_DAILY)
    version = lake.replace(RETURNS_DAILY, output.frame, output.scope, "bench")
    written = lake.at(RETURNS_DAILY, version)
    # As a table's first run; the symbols are made up, so its own are those that exist.
    alone = Around(date(YEARS[1], 12, 31), lambda _, name: written.select(name), lambda _: {}, lambda _: True)
    expected = _expected(audit(output, written, alone))
    before = _clickhouse_cpu_s(mart.settings)
    ours = checked_pull(mart, expected, version)
    per_core = ROWS * (REPEATS + 1) / (_clickhouse_cpu_s(mart.settings) - before)
    peers = {"rows collected and inserted": pushed_rows(mart, written)}
    notes = f"{ROWS} rows pulled, summed against the manifest, swapped in and counted; limit: a read thrown away"
    return [
        Result("publish", "rows/s", ours, peers, bare_read(mart, version), notes=notes),
        Result("publish_per_core", "rows/s", per_core, goal=GOAL_PER_CORE, notes=f"a second of CPU; {notes}"),
    ]


def _clickhouse_cpu_s(settings: Settings) -> float:
    found = {process.name: process.pid for process in status.read(settings, stack.existing(settings.home)).processes}
    spent = psutil.Process(found["clickhouse"]).cpu_times()
    return float(spent.user + spent.system)


def _output(session: SparkSession) -> Output:
    return Output(RETURNS_DAILY, rows(session).repartition("business_year"), partitions(RETURNS_DAILY, YEARS))


def _expected(found: Audit) -> dict[str, PartitionRecord]:
    return {
        value: PartitionRecord(count, found.hashes[value], found.sums[value]) for value, count in found.rows.items()
    }


def _structure(client: Client) -> str:
    found = client.query(f"DESCRIBE TABLE {quote_name(RETURNS_DAILY.short_name)}").result_rows
    return ", ".join(f"{quote_name(row[0])} {row[1]}" for row in found)
