"""Indexes of what is asked at every start, signal and proposal, and no more rights for the API than it uses."""

from alembic import op

revision = "v0031_indexes"
down_revision = "v0030_signals"

STATEMENTS: tuple[str, ...] = (
    # The highest and the lowest number of each rule's alerts, when rules are read.
    "CREATE INDEX alert_sequence_idx ON alerting.alert (rule_id, sequence)",
    # Orders of today of a portfolio, with every signal.
    """
    CREATE INDEX signal_outcome_ordered_idx ON app.signal_outcome (portfolio_id, decided_at)
    WHERE outcome = 'ordered'
    """,
    # The foreign key's own look when a proposal is deleted.
    "CREATE INDEX allocation_proposal_idx ON app.allocation (proposal_id) WHERE proposal_id IS NOT NULL",
    # Alerts are recorded by the hot process and the monitor, mails by the mailer, and a halt is lifted but not changed.
    "REVOKE INSERT ON alerting.alert FROM tidemark_api",
    "REVOKE ALL ON alerting.mail FROM tidemark_api",
    "REVOKE UPDATE, DELETE ON trading.halt FROM tidemark_api",
    "GRANT UPDATE (lifted_by, lifted_at) ON trading.halt TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
