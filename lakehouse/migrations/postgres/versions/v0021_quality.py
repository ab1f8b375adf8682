"""Quality: findings, freshness and corporate actions."""

from alembic import op

revision = "v0021_quality"
down_revision = "v0020_models"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
