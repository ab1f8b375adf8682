"""Trailing stop orders, and switches that stop trading."""

from alembic import op

revision = "v0028_trailing"
down_revision = "v0029_allocation"

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE trading.order
        ADD COLUMN trail_amount  numeric(18, 8),
        ADD COLUMN trail_percent numeric(10, 8),
        DROP CONSTRAINT order_type_known,
        ADD CONSTRAINT order_type_known CHECK (
            type IN ('market', 'limit', 'stop', 'stop_limit', 'take_profit', 'trailing_stop')
        ),
        DROP CONSTRAINT order_stop_where_needed,
        ADD CONSTRAINT order_stop_where_needed CHECK (
            (stop_price IS NOT NULL) = (type IN ('stop', 'stop_limit', 'trailing_stop'))
        ),
        ADD CONSTRAINT order_trail_where_needed CHECK (
            num_nonnulls(trail_amount, trail_percent) = (CASE type WHEN 'trailing_stop' THEN 1 ELSE 0 END)
        ),
        ADD CONSTRAINT order_trail_possible CHECK (
            trail_amount > 0 AND trail_amount <> 'NaN' AND trail_percent > 0 AND trail_percent < 100
        )
    """,
    """
    CREATE TABLE trading.halt (
        id           uuid        NOT NULL,
        scope        text        NOT NULL,
        user_id      uuid,
        portfolio_id uuid,
        reason       text        NOT NULL,
        set_by       uuid        NOT NULL,
        set_at       timestamptz NOT NULL,
        lifted_by    uuid,
        lifted_at    timestamptz,
        CONSTRAINT halt_pkey PRIMARY KEY (id),
        CONSTRAINT halt_user_fkey FOREIGN KEY (user_id) REFERENCES auth.app_user (id),
        CONSTRAINT halt_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT halt_set_by_fkey FOREIGN KEY (set_by) REFERENCES auth.app_user (id),
        CONSTRAINT halt_lifted_by_fkey FOREIGN KEY (lifted_by) REFERENCES auth.app_user (id),
        CONSTRAINT halt_scope_known CHECK (scope IN ('everybody', 'user', 'portfolio')),
        CONSTRAINT halt_of_one CHECK (
            (user_id IS NOT NULL) = (scope = 'user') AND (portfolio_id IS NOT NULL) = (scope = 'portfolio')
        ),
        CONSTRAINT halt_lifted_whole CHECK ((lifted_by IS NULL) = (lifted_at IS NULL)),
        CONSTRAINT halt_time_forward CHECK (lifted_at >= set_at)
    )
    """,
    """
    CREATE UNIQUE INDEX halt_once ON trading.halt (scope, user_id, portfolio_id) NULLS NOT DISTINCT
    WHERE lifted_at IS NULL
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
