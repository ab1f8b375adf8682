"""Run manifests and the last good version of every partition."""

from alembic import op

revision = "v0002_runs"
down_revision = "v0001_portfolios"

STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS ops",
    """
    CREATE TABLE ops.job_run (
        run_id        text        NOT NULL,
        job           text        NOT NULL,
        business_date date        NOT NULL,
        state         text        NOT NULL,
        started_at    timestamptz NOT NULL,
        finished_at   timestamptz,
        manifest      jsonb       NOT NULL,
        CONSTRAINT job_run_pkey PRIMARY KEY (run_id),
        CONSTRAINT job_run_id_not_blank CHECK (btrim(run_id) <> ''),
        CONSTRAINT job_run_job_not_blank CHECK (btrim(job) <> ''),
        CONSTRAINT job_run_state_known CHECK (state IN ('running', 'published', 'failed')),
        CONSTRAINT job_run_finished_when_over CHECK ((state = 'running') = (finished_at IS NULL)),
        CONSTRAINT job_run_time_forward CHECK (finished_at >= started_at),
        CONSTRAINT job_run_manifest_object CHECK (jsonb_typeof(manifest) = 'object')
    )
    """,
    # The newest run of a job for a day; run_id is a UUIDv7, so it also pages by time.
    "CREATE INDEX job_run_of_day_idx ON ops.job_run (job, business_date, run_id DESC)",
    """
    CREATE TABLE ops.asset_status (
        table_name      text        NOT NULL,
        partition_value text        NOT NULL,
        delta_version   bigint      NOT NULL,
        row_count       bigint      NOT NULL,
        run_id          text        NOT NULL,
        published_at    timestamptz NOT NULL,
        CONSTRAINT asset_status_pkey PRIMARY KEY (table_name, partition_value),
        CONSTRAINT asset_status_table_not_blank CHECK (btrim(table_name) <> ''),
        CONSTRAINT asset_status_version_counted CHECK (delta_version >= 0),
        CONSTRAINT asset_status_rows_counted CHECK (row_count >= 0)
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
