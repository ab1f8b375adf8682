"""Cash: conversions between a user's own currencies."""

from alembic import op

revision = "v0018_conversions"
down_revision = "v0017_order_rules"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
