"""Allocation: who waits for weights, and which orders a proposal has become."""

from alembic import op

revision = "v0029_allocation"
down_revision = "v0027_hot"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE app.allocation (
        portfolio_id uuid        NOT NULL,
        status       text        NOT NULL,
        reason       text        NOT NULL,
        asked_at     timestamptz NOT NULL,
        called_at    timestamptz,
        done_at      timestamptz,
        proposal_id  uuid,
        CONSTRAINT allocation_pkey PRIMARY KEY (portfolio_id),
        CONSTRAINT allocation_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT allocation_proposal_fkey FOREIGN KEY (proposal_id)
            REFERENCES app.proposal (id) ON DELETE SET NULL,
        CONSTRAINT allocation_status_known CHECK (status IN ('pending', 'ready', 'failed')),
        CONSTRAINT allocation_done_unless_pending CHECK ((status = 'pending') = (done_at IS NULL)),
        CONSTRAINT allocation_reason_where_failed CHECK ((status = 'failed') = (reason <> ''))
    )
    """,
    "CREATE INDEX allocation_pending_idx ON app.allocation (asked_at) WHERE status = 'pending'",
    # Nothing has computed weights yet: whoever has an objective waits for them.
    """
    INSERT INTO app.allocation (portfolio_id, status, reason, asked_at)
    SELECT portfolio_id, 'pending', '', now() FROM app.objective
    """,
    "ALTER TABLE app.objective DROP COLUMN allocation_status",
    "ALTER TABLE app.rebalance_policy ADD COLUMN is_automatic boolean NOT NULL DEFAULT false",
    "ALTER TABLE app.proposal ADD COLUMN confirmed_at timestamptz",
    """
    ALTER TABLE app.proposal_trade
        ADD COLUMN order_id uuid,
        ADD CONSTRAINT proposal_trade_order_fkey FOREIGN KEY (order_id) REFERENCES trading.order (id),
        ADD CONSTRAINT proposal_trade_order_once UNIQUE (order_id)
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
