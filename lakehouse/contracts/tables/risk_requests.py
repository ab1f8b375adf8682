"""Risk computations on request, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

RISK_JOB = Table(
    name="app.risk_job",
    doc="Requests to compute the risk of several portfolios; a worker of the API that dies leaves its job to the next.",
    grain="id",
    owner="risk",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that asked"),
        Column("reads_all", Type.BOOL, "whether that user may read what others own"),
        Column("status", Type.STRING, "queued, running, done or failed"),
        Column("method", Type.STRING, "how the risk is measured"),
        Column("confidence", Type.DECIMAL, "probability that the loss stays below VaR", precision=6, scale=5),
        Column("horizon_days", Type.INT32, "trading days ahead", unit="days"),
        Column("window_days", Type.INT32, "daily returns behind each number", unit="days"),
        Column("total", Type.INT32, "portfolios asked for"),
        Column("finished", Type.INT32, "portfolios with a result or a problem"),
        Column("attempts", Type.INT32, "times that a worker took it up"),
        Column("worker", Type.STRING, "worker that has it", nullable=True),
        Column("leased_until", Type.TIMESTAMP, "from then on another worker may take it", nullable=True),
        Column("problem", Type.STRING, "why it failed as a whole", nullable=True),
        Column("created_at", Type.TIMESTAMP, "when it was asked for"),
        Column("finished_at", Type.TIMESTAMP, "when it was done or failed", nullable=True),
    ),
    key=("id",),
    stores=POSTGRES,
)

RISK_JOB_ITEM = Table(
    name="app.risk_job_item",
    doc="The portfolios of a risk job, each with its result or problem.",
    grain="job_id, line",
    owner="risk",
    columns=(
        Column("job_id", Type.UUID, "job"),
        Column("line", Type.INT32, "place in the request, from 0"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("status", Type.STRING, "waiting, done or refused"),
        Column("result", Type.JSON, "the risk as POST /risk-metrics/compute answers it", nullable=True),
        Column("problem", Type.JSON, "code and detail of the refusal", nullable=True),
    ),
    key=("job_id", "line"),
    stores=POSTGRES,
)

TABLES: tuple[Table, ...] = (RISK_JOB, RISK_JOB_ITEM)
