"""Sessions, refresh tokens, API keys and the audit log."""

from alembic import op

revision = "v0010_identity"
down_revision = "v0007_plumbing"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
