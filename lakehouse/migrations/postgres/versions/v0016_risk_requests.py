"""Risk computations on request: jobs that workers lease, and their items."""

from alembic import op

revision = "v0016_risk_requests"
down_revision = "v0015_valuations"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE app.risk_job (
        id           uuid          NOT NULL,
        owner_id     uuid          NOT NULL,
        reads_all    boolean       NOT NULL,
        status       text          NOT NULL DEFAULT 'queued',
        method       text          NOT NULL,
        confidence   numeric(6, 5) NOT NULL,
        horizon_days integer       NOT NULL,
        window_days  integer       NOT NULL,
        total        integer       NOT NULL,
        finished     integer       NOT NULL DEFAULT 0,
        attempts     integer       NOT NULL DEFAULT 0,
        worker       text,
        leased_until timestamptz,
        problem      text,
        created_at   timestamptz   NOT NULL,
        finished_at  timestamptz,
        CONSTRAINT risk_job_pkey PRIMARY KEY (id),
        CONSTRAINT risk_job_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT risk_job_status_known CHECK (status IN ('queued', 'running', 'done', 'failed')),
        CONSTRAINT risk_job_confidence_range CHECK (confidence >= 0.5 AND confidence < 1),
        CONSTRAINT risk_job_days_positive CHECK (horizon_days > 0 AND window_days > 0),
        CONSTRAINT risk_job_progress CHECK (finished BETWEEN 0 AND total AND attempts >= 0),
        CONSTRAINT risk_job_lease_while_running CHECK ((status = 'running') = (leased_until IS NOT NULL)),
        CONSTRAINT risk_job_finished_when_over CHECK ((status IN ('done', 'failed')) = (finished_at IS NOT NULL))
    )
    """,
    "CREATE INDEX risk_job_open_idx ON app.risk_job (created_at) WHERE status IN ('queued', 'running')",
    "CREATE INDEX risk_job_owner_idx ON app.risk_job (owner_id, id)",
    """
    CREATE TABLE app.risk_job_item (
        job_id       uuid    NOT NULL,
        line         integer NOT NULL,
        portfolio_id uuid    NOT NULL,
        status       text    NOT NULL DEFAULT 'waiting',
        result       jsonb,
        problem      jsonb,
        CONSTRAINT risk_job_item_pkey PRIMARY KEY (job_id, line),
        CONSTRAINT risk_job_item_job_fkey FOREIGN KEY (job_id) REFERENCES app.risk_job (id) ON DELETE CASCADE,
        CONSTRAINT risk_job_item_status_known CHECK (status IN ('waiting', 'done', 'refused')),
        CONSTRAINT risk_job_item_outcome CHECK (
            (status = 'done') = (result IS NOT NULL) AND (status = 'refused') = (problem IS NOT NULL)
        )
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
