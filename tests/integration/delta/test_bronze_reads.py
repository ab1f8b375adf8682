"""Whoever reads bronze with delta-rs and filters by a column without statistics must get the rows."""

import json
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import TOPICS
from lakehouse.settings import Settings
from lakehouse.stores import delta, objects

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(stack: Settings) -> Settings:
    bucket = f"reads-{uuid4()}"
    objects.ensure_bucket(objects.connect(stack.s3), bucket)
    return stack.model_copy(update={"s3": stack.s3.model_copy(update={"lake_bucket": bucket})})


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_the_table_names_the_columns_that_have_statistics(lake: Settings, name: str) -> None:
    bronze = TOPICS[name].bronze
    table = delta.ensure_table(lake.s3, bronze)

    named = table.metadata().configuration["delta.dataSkippingStatsColumns"]

    assert named.split(",") == list(bronze.stats_columns)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_an_absent_statistic_prunes_nothing(lake: Settings, name: str) -> None:
    bronze = TOPICS[name].bronze
    table = delta.ensure_table(lake.s3, bronze)
    _commit_file_with_few_statistics(table, arrow.schema(bronze))

    fragments = list(
        DeltaTable(table.table_uri, storage_options=delta.options(lake.s3))
        .to_pyarrow_dataset()
        .get_fragments(filter=pc.field(TOPICS[name].key) == "AAPL")
    )

    assert len(fragments) == 1


def _commit_file_with_few_statistics(table: DeltaTable, schema: pa.Schema) -> None:
    low = {"_partition": 0, "_offset": 0}
    stats = {"numRecords": 1, "minValues": low, "maxValues": low, "nullCount": dict.fromkeys(low, 0)}
    day = {"_ingest_date": "2026-01-02"}
    action = AddAction("_ingest_date=2026-01-02/part.parquet", 1, day, 0, data_change=True, stats=json.dumps(stats))
    table.create_write_transaction([action], mode="append", schema=schema, partition_by=["_ingest_date"])
