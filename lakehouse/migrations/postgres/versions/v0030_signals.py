"""Signals: which portfolios follow them, what came of each, and how far they were read."""

from alembic import op

revision = "v0030_signals"
down_revision = "v0028_trailing"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE app.signal_policy (
        portfolio_id     uuid          NOT NULL,
        is_active        boolean       NOT NULL,
        sources          jsonb         NOT NULL,
        sides            text          NOT NULL,
        min_confidence   numeric(9, 8) NOT NULL,
        max_share        numeric(9, 8) NOT NULL,
        max_move         numeric(9, 8) NOT NULL,
        max_orders_a_day integer       NOT NULL,
        max_age_s        integer       NOT NULL,
        version          integer       NOT NULL DEFAULT 1,
        created_at       timestamptz   NOT NULL,
        updated_at       timestamptz   NOT NULL,
        CONSTRAINT signal_policy_pkey PRIMARY KEY (portfolio_id),
        CONSTRAINT signal_policy_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT signal_policy_sources_list CHECK (jsonb_typeof(sources) = 'array'),
        CONSTRAINT signal_policy_sides_known CHECK (sides IN ('both', 'buy', 'sell')),
        CONSTRAINT signal_policy_shares_range CHECK (
            min_confidence BETWEEN 0 AND 1 AND max_share BETWEEN 0 AND 1 AND max_move BETWEEN 0 AND 1
        ),
        CONSTRAINT signal_policy_orders_range CHECK (max_orders_a_day BETWEEN 1 AND 1000),
        CONSTRAINT signal_policy_age_range CHECK (max_age_s BETWEEN 1 AND 86400)
    )
    """,
    """
    CREATE TABLE app.signal_outcome (
        id           uuid             NOT NULL,
        portfolio_id uuid             NOT NULL,
        signal_id    uuid             NOT NULL,
        symbol       text             NOT NULL,
        side         text             NOT NULL,
        confidence   double precision NOT NULL,
        source       text             NOT NULL,
        signaled_at  timestamptz      NOT NULL,
        outcome      text             NOT NULL,
        reason       text             NOT NULL,
        quantity     numeric(28, 8),
        order_id     uuid,
        decided_at   timestamptz      NOT NULL,
        CONSTRAINT signal_outcome_pkey PRIMARY KEY (id),
        CONSTRAINT signal_outcome_once UNIQUE (portfolio_id, signal_id),
        CONSTRAINT signal_outcome_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT signal_outcome_order_fkey FOREIGN KEY (order_id) REFERENCES trading.order (id),
        CONSTRAINT signal_outcome_order_once UNIQUE (order_id),
        CONSTRAINT signal_outcome_side_known CHECK (side IN ('buy', 'sell')),
        CONSTRAINT signal_outcome_confidence_range CHECK (confidence BETWEEN 0 AND 1),
        CONSTRAINT signal_outcome_known CHECK (outcome IN ('ordered', 'refused')),
        CONSTRAINT signal_outcome_reason_where_refused CHECK ((outcome = 'refused') = (reason <> '')),
        CONSTRAINT signal_outcome_order_where_ordered CHECK (outcome = 'refused' OR order_id IS NOT NULL)
    )
    """,
    "CREATE INDEX signal_outcome_page_idx ON app.signal_outcome (portfolio_id, id)",
    """
    CREATE TABLE ops.signal_progress (
        topic       text        NOT NULL,
        partition   integer     NOT NULL,
        next_offset bigint      NOT NULL,
        epoch       bigint      NOT NULL,
        owner       text        NOT NULL,
        updated_at  timestamptz NOT NULL,
        CONSTRAINT signal_progress_pkey PRIMARY KEY (topic, partition),
        CONSTRAINT signal_progress_partition_counted CHECK (partition >= 0),
        CONSTRAINT signal_progress_offset_counted CHECK (next_offset >= 0),
        CONSTRAINT signal_progress_epoch_positive CHECK (epoch > 0)
    )
    """,
    # What came of signals is written by the process that decides, and by nobody again.
    "REVOKE INSERT, UPDATE, DELETE ON app.signal_outcome, ops.signal_progress FROM tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
