"""Orders: what a short sale reserves, and how old a price may be."""

from alembic import op

revision = "v0017_order_rules"
down_revision = "v0016_risk_requests"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
