"""The owner reads a pinned Delta version from the real object store; the secret stays out of sight."""

import secrets
from collections.abc import Iterator

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from deltalake import write_deltalake

from lakehouse.migrations.clickhouse import upgrade
from lakehouse.settings import Settings
from lakehouse.stores import delta, objects
from lakehouse.stores.clickhouse import connect

pytestmark = [pytest.mark.integration, pytest.mark.engines("s3", "clickhouse")]

SOURCE = "deltaLake({url:String}, {key:String}, {secret:String})"


@pytest.fixture
def table(stack: Settings) -> Iterator[dict[str, str]]:
    """Parameters that name a Delta table with two versions: 100 rows, then 150."""
    bucket = f"tidemark-test-{secrets.token_hex(6)}"
    upgrade(stack)
    client = objects.connect(stack.s3)
    objects.ensure_bucket(client, bucket)
    for first, last in ((0, 100), (100, 150)):
        rows = pa.table({"n": pa.array(range(first, last), pa.int64())})
        write_deltalake(f"s3://{bucket}/t", rows, mode="append", storage_options=delta.options(stack.s3))
    yield {
        "url": f"{stack.s3.endpoint_url}/{bucket}/t",
        "key": stack.s3.access_key,
        "secret": stack.s3.secret_key.get_secret_value(),
    }
    objects.remove_prefix(client, bucket, "")
    client.remove_bucket(bucket_name=bucket)


def test_a_pinned_version_is_read_into_a_table(stack: Settings, table: dict[str, str]) -> None:
    with connect(stack.clickhouse, database="default") as client:
        client.command("CREATE OR REPLACE TABLE pulled (n Int64) ENGINE = MergeTree ORDER BY n")
        pulled = f"INSERT INTO pulled SELECT n FROM {SOURCE} SETTINGS delta_lake_snapshot_version = 0"
        client.command(pulled, parameters=table)
        pinned = client.query("SELECT count(), sum(n) FROM pulled").result_rows
        newest = client.query(f"SELECT count() FROM {SOURCE}", parameters=table).result_rows
        client.command("DROP TABLE pulled")
    assert (pinned, newest) == ([(100, 4950)], [(150,)])


def test_the_secret_is_in_no_answer(stack: Settings, table: dict[str, str]) -> None:
    literal = f"deltaLake('{table['url']}', '{table['key']}', '{table['secret']}')"
    with connect(stack.clickhouse, database="default") as client:
        shown = str(client.command(f"EXPLAIN SELECT * FROM {literal}"))
        with pytest.raises(DatabaseError) as failed:
            client.query(f"SELECT no_such_column FROM {literal}")
    assert table["secret"] not in shown
    assert table["secret"] not in str(failed.value)


def test_the_analyst_cannot_reach_the_lake(stack: Settings, table: dict[str, str]) -> None:
    with connect(stack.clickhouse, analyst=True) as client, pytest.raises(DatabaseError) as refused:
        client.query(f"SELECT count() FROM {SOURCE}", parameters=table)
    assert refused.value.code == 497
