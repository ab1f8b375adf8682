"""Blocks and their transactions."""

from alembic import op

revision = "v0014_chain"
down_revision = "v0013_payments"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
