"""Rebalancing: policies, and the proposals made under them."""

from alembic import op

revision = "v0019_proposals"
down_revision = "v0018_conversions"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
