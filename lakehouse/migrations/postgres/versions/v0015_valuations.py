"""Valuations, imports and saved column mappings."""

from alembic import op

revision = "v0015_valuations"
down_revision = "v0014_chain"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
