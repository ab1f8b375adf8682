"""Blocks and their transactions: append-only, each block one link of a chain of hashes."""

from alembic import op

revision = "v0014_chain"
down_revision = "v0013_payments"

STATEMENTS = (
    "CREATE SCHEMA chain",
    """
    CREATE TABLE chain.block (
        index             bigint      NOT NULL,
        previous_hash     bytea       NOT NULL,
        merkle_root       bytea       NOT NULL,
        transaction_count integer     NOT NULL,
        created_at        timestamptz NOT NULL,
        hash              bytea       NOT NULL,
        CONSTRAINT block_pkey PRIMARY KEY (index),
        CONSTRAINT block_hash_unique UNIQUE (hash),
        CONSTRAINT block_index_positive CHECK (index >= 0),
        CONSTRAINT block_hashes_whole CHECK (
            length(hash) = 32 AND length(previous_hash) = 32 AND length(merkle_root) = 32
        ),
        CONSTRAINT block_not_empty CHECK (transaction_count > 0)
    )
    """,
    """
    CREATE TABLE chain.transaction (
        id                  uuid        NOT NULL,
        block_index         bigint      NOT NULL,
        position            integer     NOT NULL,
        kind                text        NOT NULL,
        sender_account_id   uuid,
        receiver_account_id uuid        NOT NULL,
        amount_minor        bigint      NOT NULL,
        currency            text        NOT NULL,
        created_at          timestamptz NOT NULL,
        content             text        NOT NULL,
        hash                bytea       NOT NULL,
        CONSTRAINT chain_transaction_pkey PRIMARY KEY (id),
        CONSTRAINT chain_transaction_block_fkey FOREIGN KEY (block_index) REFERENCES chain.block (index)
            DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT chain_transaction_place UNIQUE (block_index, position),
        CONSTRAINT chain_transaction_sender_fkey FOREIGN KEY (sender_account_id) REFERENCES app.account (id),
        CONSTRAINT chain_transaction_receiver_fkey FOREIGN KEY (receiver_account_id) REFERENCES app.account (id),
        CONSTRAINT chain_transaction_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT chain_transaction_kind_known CHECK (
            kind IN ('mint', 'transfer') AND (kind = 'mint') = (sender_account_id IS NULL)
        ),
        CONSTRAINT chain_transaction_to_another CHECK (sender_account_id <> receiver_account_id),
        CONSTRAINT chain_transaction_amount_positive CHECK (amount_minor > 0),
        CONSTRAINT chain_transaction_place_positive CHECK (position >= 0)
    )
    """,
    "CREATE INDEX chain_transaction_receiver_idx ON chain.transaction (receiver_account_id)",
    "CREATE INDEX chain_transaction_sender_idx ON chain.transaction (sender_account_id)",
    *(
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chain.{name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()"
        for name in ("block", "transaction")
    ),
    "GRANT USAGE ON SCHEMA chain TO tidemark_api",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA chain TO tidemark_api",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT SELECT, INSERT ON TABLES TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
