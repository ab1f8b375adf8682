"""Customers, preferences, watchlists, bonds, options, assets and objectives."""

from alembic import op

revision = "v0012_resources"
down_revision = "v0011_market"

STATEMENTS: tuple[str, ...] = ()


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
