"""Models: the append-only record of promotions."""

from alembic import op

revision = "v0020_models"
down_revision = "v0019_proposals"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
