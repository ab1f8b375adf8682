"""What every write shares: the outbox, idempotency keys, and the role that the API works as."""

from alembic import op

revision = "v0007_plumbing"
down_revision = "v0006_orders"

SCHEMAS = ("app", "auth", "ledger", "market", "ops", "trading")
APPEND_ONLY = ("ledger.transfer", "ledger.entry", "trading.fill", "trading.order_event")

STATEMENTS = (
    """
    CREATE TABLE ops.outbox (
        seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        event_id     uuid        NOT NULL,
        topic        text        NOT NULL,
        key          text        NOT NULL,
        type         text        NOT NULL,
        owner_id     uuid        NOT NULL,
        payload      jsonb       NOT NULL,
        occurred_at  timestamptz NOT NULL,
        published_at timestamptz,
        CONSTRAINT outbox_pkey PRIMARY KEY (seq),
        CONSTRAINT outbox_event_unique UNIQUE (event_id),
        CONSTRAINT outbox_payload_object CHECK (jsonb_typeof(payload) = 'object'),
        CONSTRAINT outbox_type_shape CHECK (type ~ '^[a-z][a-z_.]{1,79}$')
    )
    """,
    "CREATE INDEX outbox_waiting_idx ON ops.outbox (seq) WHERE published_at IS NULL",
    "CREATE INDEX outbox_owner_idx ON ops.outbox (owner_id, seq)",
    """
    CREATE TABLE ops.idempotency_key (
        owner_id     uuid        NOT NULL,
        key          text        NOT NULL,
        request_hash bytea       NOT NULL,
        status       integer     NOT NULL,
        headers      jsonb       NOT NULL,
        body         bytea       NOT NULL,
        created_at   timestamptz NOT NULL,
        CONSTRAINT idempotency_key_pkey PRIMARY KEY (owner_id, key),
        CONSTRAINT idempotency_key_shape CHECK (length(key) BETWEEN 1 AND 255)
    )
    """,
    "CREATE INDEX idempotency_key_age_idx ON ops.idempotency_key (created_at)",
    # Roles belong to the whole server: another database of it, or an operator, may have made it already.
    """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidemark_api') THEN
            CREATE ROLE tidemark_api NOLOGIN;
        END IF;
        IF NOT pg_has_role(current_user, 'tidemark_api', 'MEMBER') THEN
            EXECUTE format('GRANT tidemark_api TO %I', current_user);
        END IF;
    END $$
    """,
    *(f"GRANT USAGE ON SCHEMA {name} TO tidemark_api" for name in SCHEMAS),
    *(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO tidemark_api" for name in SCHEMAS),
    *(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tidemark_api"
        for name in SCHEMAS
    ),
    *(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT USAGE ON SEQUENCES TO tidemark_api" for name in SCHEMAS),
    *(f"REVOKE UPDATE, DELETE ON {name} FROM tidemark_api" for name in APPEND_ONLY),
    # Balances move by entries alone: the API may reserve, and nothing else.
    "REVOKE INSERT, UPDATE, DELETE ON ledger.account FROM tidemark_api",
    "GRANT INSERT (id, account_id, purpose, currency, allows_negative, created_at) ON ledger.account TO tidemark_api",
    "GRANT UPDATE (reserved_minor) ON ledger.account TO tidemark_api",
    "REVOKE INSERT, UPDATE, DELETE ON ledger.currency, trading.order_move, ops.schema_version FROM tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
