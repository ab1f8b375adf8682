"""Models: the append-only record of promotions."""

from alembic import op

revision = "v0020_models"
down_revision = "v0019_proposals"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE ops.model_promotion (
        seq           bigint      GENERATED ALWAYS AS IDENTITY,
        model         text        NOT NULL,
        kind          text        NOT NULL,
        from_version  integer,
        to_version    integer     NOT NULL,
        approver      text        NOT NULL,
        reason        text        NOT NULL,
        verdict       jsonb       NOT NULL,
        metrics       jsonb       NOT NULL,
        data_versions jsonb       NOT NULL,
        mlflow_run_id text        NOT NULL,
        code_version  text        NOT NULL,
        decided_at    timestamptz NOT NULL,
        CONSTRAINT model_promotion_pkey PRIMARY KEY (seq),
        CONSTRAINT model_promotion_kind_known CHECK (kind IN ('promoted', 'rolled_back', 'observed')),
        CONSTRAINT model_promotion_versions_counted CHECK (to_version > 0 AND from_version > 0),
        CONSTRAINT model_promotion_changes_something CHECK (from_version IS DISTINCT FROM to_version),
        CONSTRAINT model_promotion_says_who_and_why CHECK (model <> '' AND approver <> '' AND reason <> ''),
        CONSTRAINT model_promotion_documents CHECK (
            jsonb_typeof(verdict) = 'object' AND jsonb_typeof(metrics) = 'object'
            AND jsonb_typeof(data_versions) = 'object'
        )
    )
    """,
    "CREATE INDEX model_promotion_model_idx ON ops.model_promotion (model, seq)",
    # The record is what a committee replays: a wrong decision is followed by another one, never rewritten.
    """
    CREATE FUNCTION ops.refuse_promotion_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ops.model_promotion is append-only: promote another version instead'
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    "CREATE TRIGGER model_promotion_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.model_promotion "
    "FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_promotion_change()",
    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ops.model_promotion FROM tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
