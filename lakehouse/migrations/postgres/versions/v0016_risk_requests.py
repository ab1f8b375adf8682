"""Risk metrics and risk computations on request."""

from alembic import op

revision = "v0016_risk_requests"
down_revision = "v0015_valuations"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
