"""Payments, settlements and cash transactions."""

from alembic import op

revision = "v0013_payments"
down_revision = "v0012_resources"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
