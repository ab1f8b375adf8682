"""Orders are written as their first move leaves them, money is reserved by one statement, working orders are found."""

from alembic import op

revision = "v0022_first_moves"
down_revision = "v0021_quality"

STATEMENTS: tuple[str, ...] = (
    # A new order is at version 1, or at version 2 after a legal move: its history has both, its row is written once.
    """
    CREATE OR REPLACE FUNCTION trading.check_move() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        before text := 'new';
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.version <> (CASE NEW.status WHEN 'new' THEN 1 ELSE 2 END) OR NEW.filled_quantity <> 0 THEN
                RAISE EXCEPTION 'order % starts as new, at version 1, unfilled, or with its first move', NEW.id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'order_starts_new';
            END IF;
        ELSE
            before := OLD.status;
            IF NEW.version <> OLD.version + 1 OR NEW.filled_quantity < OLD.filled_quantity THEN
                RAISE EXCEPTION 'order % moves one version at a time and never loses a fill', NEW.id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'order_version_monotone';
            END IF;
        END IF;
        IF NEW.status <> before AND NOT EXISTS (
            SELECT FROM trading.order_move AS m WHERE m.from_status = before AND m.to_status = NEW.status
        ) THEN
            RAISE EXCEPTION 'order % cannot go from % to %', NEW.id, before, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'order_move_legal';
        END IF;
        RETURN NEW;
    END $$
    """,
    # Every order is compared with the nearest one of the other side that works; ended orders pile up beside it.
    """
    CREATE INDEX order_selling_idx ON trading.order (portfolio_id, symbol, limit_price NULLS FIRST, id)
    WHERE side = 'sell' AND status IN ('accepted', 'partially_filled') AND type IN ('market', 'limit', 'take_profit')
    """,
    """
    CREATE INDEX order_buying_idx ON trading.order (portfolio_id, symbol, limit_price DESC NULLS FIRST, id)
    WHERE side = 'buy' AND status IN ('accepted', 'partially_filled') AND type IN ('market', 'limit', 'take_profit')
    """,
    # With nothing on the account yet, ledger_account_reserved_covered refuses the row that this lets the API write.
    "GRANT INSERT (reserved_minor) ON ledger.account TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
