"""The master table of symbols, its history and bars."""

from alembic import op

revision = "v0011_market"
down_revision = "v0010_identity"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
