"""The hot process's fence, its journal of batches, and the states from which it goes on."""

from alembic import op

revision = "v0027_hot"
down_revision = "v0024_quote_tick"

STATEMENTS: tuple[str, ...] = (
    "CREATE SCHEMA hot",
    """
    CREATE TABLE hot.shard (
        shard      text        NOT NULL,
        epoch      bigint      NOT NULL,
        owner      text        NOT NULL,
        started_at timestamptz NOT NULL,
        CONSTRAINT shard_pkey PRIMARY KEY (shard),
        CONSTRAINT shard_shape CHECK (shard ~ '^[0-9]+/[0-9]+$'),
        CONSTRAINT shard_epoch_positive CHECK (epoch > 0)
    )
    """,
    """
    CREATE TABLE hot.journal (
        shard        text        NOT NULL,
        number       bigint      NOT NULL,
        epoch        bigint      NOT NULL,
        batches      integer     NOT NULL,
        cuts         bytea       NOT NULL,
        changes      text,
        ticks        bigint      NOT NULL,
        committed_at timestamptz NOT NULL,
        CONSTRAINT journal_pkey PRIMARY KEY (shard, number),
        CONSTRAINT journal_shard_fkey FOREIGN KEY (shard) REFERENCES hot.shard (shard),
        CONSTRAINT journal_number_positive CHECK (number > 0),
        CONSTRAINT journal_cuts_whole CHECK (
            batches >= 0 AND length(cuts) % (8 * greatest(batches, 1)) = 0 AND (batches > 0 OR length(cuts) = 0)
        ),
        CONSTRAINT journal_ticks_counted CHECK (ticks >= 0)
    )
    """,
    """
    CREATE TABLE hot.checkpoint (
        shard   text        NOT NULL,
        number  bigint      NOT NULL,
        state   bytea       NOT NULL,
        made_at timestamptz NOT NULL,
        CONSTRAINT checkpoint_pkey PRIMARY KEY (shard, number),
        CONSTRAINT checkpoint_shard_fkey FOREIGN KEY (shard) REFERENCES hot.shard (shard),
        CONSTRAINT checkpoint_number_counted CHECK (number >= 0)
    )
    """,
    # States are compressed already.
    "ALTER TABLE hot.checkpoint ALTER COLUMN state SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
