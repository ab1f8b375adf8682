"""Models: the append-only record of promotions."""

from alembic import op

revision = "v0020_models"
down_revision = "v0019_proposals"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
