"""Cash: conversions between a user's own currencies."""

from alembic import op

revision = "v0018_conversions"
down_revision = "v0017_order_rules"

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE app.transaction
        ADD COLUMN to_currency text,
        ADD COLUMN to_minor    bigint,
        ADD CONSTRAINT transaction_to_currency_fkey FOREIGN KEY (to_currency) REFERENCES ledger.currency (code),
        DROP CONSTRAINT transaction_kind_known,
        ADD CONSTRAINT transaction_kind_known CHECK (
            kind IN ('buy', 'sell', 'dividend', 'interest', 'fee', 'tax', 'deposit', 'withdrawal', 'split',
                     'reverse_split', 'transfer_in', 'transfer_out', 'spin_off', 'conversion')
        ),
        DROP CONSTRAINT transaction_symbol_where_needed,
        ADD CONSTRAINT transaction_symbol_where_needed CHECK (
            (symbol IS NOT NULL) OR kind IN ('interest', 'fee', 'tax', 'deposit', 'withdrawal', 'conversion')
        ),
        DROP CONSTRAINT transaction_cash_sign,
        ADD CONSTRAINT transaction_cash_sign CHECK (
            CASE
                WHEN kind IN ('deposit') THEN cash_minor > 0
                WHEN kind IN ('withdrawal', 'fee', 'tax', 'conversion') THEN cash_minor < 0
                WHEN kind IN ('split', 'reverse_split', 'spin_off', 'transfer_in', 'transfer_out') THEN cash_minor = 0
                ELSE true
            END
        ),
        ADD CONSTRAINT transaction_conversion_complete CHECK (
            (to_currency IS NOT NULL) = (kind = 'conversion') AND (to_minor IS NOT NULL) = (kind = 'conversion')
            AND to_minor > 0 AND to_currency <> currency
        )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
