"""The platform's own records: run manifests, loads, the outbox and idempotency keys."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

JOB_RUN = Table(
    name="ops.job_run",
    doc="Run manifests: all that is needed to recompute a batch result bit for bit.",
    grain="run_id",
    owner="platform",
    columns=(
        Column("run_id", Type.STRING, "UUIDv7"),
        Column("job", Type.STRING, "job of lakehouse.contracts.jobs"),
        Column("business_date", Type.DATE, "day that was run for"),
        Column("state", Type.STRING, "running, published or failed"),
        Column("started_at", Type.TIMESTAMP, "when it began"),
        Column("finished_at", Type.TIMESTAMP, "when it published or failed", nullable=True),
        Column(
            "manifest", Type.JSON, "code version, parameters, seed, input and output versions, counts, content hash"
        ),
    ),
    key=("run_id",),
    stores=POSTGRES,
)

ASSET_STATUS = Table(
    name="ops.asset_status",
    doc="The last good version of every table partition, for freshness alarms that do not trust the scheduler.",
    grain="table_name, partition_value",
    owner="platform",
    columns=(
        Column("table_name", Type.STRING, "contract name"),
        Column("partition_value", Type.STRING, "partition, as text"),
        Column("delta_version", Type.INT64, "Delta version that published it"),
        Column("row_count", Type.INT64, "rows in the partition"),
        Column("run_id", Type.STRING, "run that published it"),
        Column("published_at", Type.TIMESTAMP, "when"),
    ),
    key=("table_name", "partition_value"),
    stores=POSTGRES,
)

MART_LOAD = Table(
    name="ops.mart_load_v1",
    doc="What was pulled from Delta into ClickHouse.",
    grain="table_name, partition_value, delta_version",
    owner="platform",
    columns=(
        Column("table_name", Type.STRING, "contract name"),
        Column("partition_value", Type.STRING, "partition, as text"),
        Column("delta_version", Type.INT64, "pinned Delta version that was read"),
        Column("row_count", Type.INT64, "rows in the partition after the swap"),
        Column("content_hash", Type.STRING, "order-independent hash of the partition, computed by ClickHouse"),
        Column("run_id", Type.STRING, "run that loaded it"),
        Column("loaded_at", Type.TIMESTAMP, "when"),
    ),
    key=("table_name", "partition_value", "delta_version"),
    stores=(Store.CLICKHOUSE,),
)

OUTBOX = Table(
    name="ops.outbox",
    doc="Events that a write has caused, until and after they are relayed to Kafka.",
    grain="seq",
    owner="platform",
    columns=(
        Column("seq", Type.INT64, "order of writing"),
        Column("event_id", Type.UUID, "UUIDv7, by which consumers drop repeats"),
        Column("topic", Type.STRING, "Kafka topic"),
        Column("key", Type.STRING, "message key"),
        Column("type", Type.STRING, "kind of event"),
        Column("owner_id", Type.UUID, "user whom it concerns"),
        Column("payload", Type.JSON, "the event's own fields"),
        Column("occurred_at", Type.TIMESTAMP, "when it happened"),
        Column("published_at", Type.TIMESTAMP, "when the broker acknowledged it; absent while it waits", nullable=True),
    ),
    key=("seq",),
    stores=POSTGRES,
)

IDEMPOTENCY_KEY = Table(
    name="ops.idempotency_key",
    doc="First answers to requests with an Idempotency-Key.",
    grain="owner_id, key",
    owner="platform",
    columns=(
        Column("owner_id", Type.UUID, "user that sent it"),
        Column("key", Type.STRING, "the client's key"),
        Column("request_hash", Type.BINARY, "hash of method, path and body"),
        Column("status", Type.INT32, "HTTP status of the answer"),
        Column("headers", Type.JSON, "headers of the answer that count"),
        Column("body", Type.BINARY, "body of the answer"),
        Column("created_at", Type.TIMESTAMP, "when it was first answered"),
    ),
    key=("owner_id", "key"),
    stores=POSTGRES,
)

TABLES = (JOB_RUN, ASSET_STATUS, MART_LOAD, OUTBOX, IDEMPOTENCY_KEY)
