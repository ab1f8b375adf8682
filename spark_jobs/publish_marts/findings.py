"""Findings from PostgreSQL into ClickHouse: only what is not there yet."""

from datetime import timedelta

from clickhouse_connect.driver.client import Client
from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.contracts.tables.quality import QUALITY_FINDING_MART

SLACK = timedelta(days=2)
"""A run that ends before another one is recorded after it by no more than this."""
NEWER = """
    SELECT id, run_id, table_name, check_name, subject, as_of, job, kind, grade, row_count, detail, found_at
    FROM ops.quality_finding WHERE found_at >= %s ORDER BY id
"""


def copy_findings(client: Client, connection: Connection[TupleRow]) -> int:
    """Bring over what was found since the last copy; return how many rows there are then. Running it twice changes
    nothing: a finding is known by its id, and one insert is whole or not at all."""
    mart = {"mart": QUALITY_FINDING_MART.short_name}
    newest = client.query("SELECT max(found_at) FROM {mart:Identifier}", parameters=mart).result_rows[0][0]
    since = newest - SLACK
    known = client.query(
        "SELECT id FROM {mart:Identifier} WHERE found_at >= {since:DateTime64(6, 'UTC')}",
        parameters={**mart, "since": since},
    )
    there = {str(row[0]) for row in known.result_rows}
    rows = [row for row in connection.execute(NEWER, (since,)).fetchall() if str(row[0]) not in there]
    if rows:
        client.insert(QUALITY_FINDING_MART.short_name, rows, column_names=QUALITY_FINDING_MART.column_names)
    counted = client.query("SELECT count() FROM {mart:Identifier}", parameters=mart)
    return int(counted.result_rows[0][0])
