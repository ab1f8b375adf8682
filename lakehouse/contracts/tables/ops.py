"""The platform's own records: portfolios, instruments, run manifests and loads."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

INSTRUMENT = Table(
    name="app.instrument",
    doc="What can be held or quoted.",
    grain="symbol",
    owner="portfolio",
    columns=(
        Column("symbol", Type.STRING, "ticker"),
        Column("name", Type.STRING, "full name"),
        Column("currency", Type.STRING, "ISO 4217 code of its prices"),
        Column("exchange", Type.STRING, "MIC of its main venue"),
        Column("created_at", Type.TIMESTAMP, "when it was added"),
    ),
    key=("symbol",),
    stores=POSTGRES,
)

PORTFOLIO = Table(
    name="app.portfolio",
    doc="A set of positions reported together.",
    grain="id",
    owner="portfolio",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("name", Type.STRING, "unique name"),
        Column("description", Type.STRING, "what it is for"),
        Column("base_currency", Type.STRING, "ISO 4217 code of its reports"),
        Column("created_at", Type.TIMESTAMP, "when it was opened"),
    ),
    key=("id",),
    stores=POSTGRES,
)

POSITION = Table(
    name="app.position",
    doc="Units of an instrument that a portfolio holds.",
    grain="portfolio_id, symbol",
    owner="portfolio",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("symbol", Type.STRING, "instrument"),
        Column("quantity", Type.DECIMAL, "units held; negative is short, zero does not exist", precision=28, scale=8),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("portfolio_id", "symbol"),
    stores=POSTGRES,
)

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

TABLES = (INSTRUMENT, PORTFOLIO, POSITION, JOB_RUN, ASSET_STATUS, MART_LOAD)
