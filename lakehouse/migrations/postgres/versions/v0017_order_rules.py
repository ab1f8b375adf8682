"""What short sales keep back of the cash, units that purchases buy back, and settlements of trades."""

from alembic import op

revision = "v0017_order_rules"
down_revision = "v0016_risk_requests"

SHORTS = (
    # What was transferred out came with no proceeds here: whoever lent those units holds the collateral.
    """
    CREATE VIEW app.short_sale AS
    SELECT l.portfolio_id, p.account_id, l.symbol, l.id AS lot_id, l.currency, -l.quantity AS quantity,
           ceil(-l.cost_minor * 1.5)::bigint AS collateral_minor
    FROM app.lot AS l
    JOIN app.portfolio AS p ON p.id = l.portfolio_id
    JOIN app.transaction AS t ON t.id = l.opened_by
    WHERE l.quantity < 0 AND l.cost_minor < 0 AND t.kind <> 'transfer_out'
    """,
    """
    COMMENT ON VIEW app.short_sale IS
        'Units sold short and not bought back, by lot. collateral_minor (minor units of currency): cash that is kept '
        'back for them, 150 % of what the sale brought'
    """,
    """
    DO $$
    DECLARE uncovered text;
    BEGIN
        SELECT string_agg(format('account %s lacks %s minor units of %s', s.account_id,
                                 s.minor - coalesce(l.balance_minor - l.reserved_minor, 0), s.currency), '; ')
        INTO uncovered
        FROM (
            SELECT x.account_id, x.currency, sum(x.collateral_minor) AS minor FROM app.short_sale AS x GROUP BY 1, 2
        ) AS s
        LEFT JOIN ledger.account AS l
            ON l.account_id = s.account_id AND l.purpose = 'cash' AND l.currency = s.currency
        WHERE s.minor > coalesce(l.balance_minor - l.reserved_minor, 0);
        IF uncovered IS NOT NULL THEN
            RAISE EXCEPTION 'open short sales must be covered by cash: %', uncovered
                USING HINT = 'deposit, or buy back, with the release before this one, and upgrade again';
        END IF;
    END $$
    """,
    """
    UPDATE ledger.account AS l SET reserved_minor = l.reserved_minor + s.minor
    FROM (
        SELECT x.account_id, x.currency, sum(x.collateral_minor)::bigint AS minor FROM app.short_sale AS x GROUP BY 1, 2
    ) AS s
    WHERE l.account_id = s.account_id AND l.purpose = 'cash' AND l.currency = s.currency
    """,
    # Open sales promise units that are held, open purchases units that are owed: they have the position's sign.
    """
    ALTER TABLE app.position
        DROP CONSTRAINT position_reserved_covered,
        ADD CONSTRAINT position_reserved_covered CHECK (
            reserved_quantity = 0
            OR (sign(reserved_quantity) = sign(quantity) AND abs(reserved_quantity) <= abs(quantity))
        )
    """,
)

SETTLEMENTS = (
    """
    ALTER TABLE app.settlement
        ALTER COLUMN payment_id DROP NOT NULL,
        ADD COLUMN trade_id  uuid,
        ADD COLUMN direction text NOT NULL DEFAULT 'out',
        ADD CONSTRAINT settlement_trade_fkey FOREIGN KEY (trade_id) REFERENCES trading.fill (id),
        ADD CONSTRAINT settlement_trade_unique UNIQUE (trade_id),
        ADD CONSTRAINT settlement_of_one CHECK ((payment_id IS NULL) <> (trade_id IS NULL)),
        ADD CONSTRAINT settlement_direction_known CHECK (
            direction = 'out' OR (direction = 'in' AND trade_id IS NOT NULL)
        ),
        ADD CONSTRAINT settlement_trade_ends_well CHECK (trade_id IS NULL OR status IN ('pending', 'settled')),
        DROP CONSTRAINT settlement_amount_positive,
        ADD CONSTRAINT settlement_amount_positive CHECK (
            amount_minor > 0 OR (amount_minor = 0 AND trade_id IS NOT NULL)
        )
    """,
    """
    CREATE OR REPLACE FUNCTION app.check_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.owner_id, NEW.payment_id, NEW.trade_id, NEW.amount_minor, NEW.direction, NEW.currency, NEW.created_at)
           IS DISTINCT FROM
           (OLD.owner_id, OLD.payment_id, OLD.trade_id, OLD.amount_minor, OLD.direction, OLD.currency, OLD.created_at)
           OR NEW.version <> OLD.version + 1
        THEN
            RAISE EXCEPTION 'settlement % keeps its cause and amount', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_is_fixed';
        END IF;
        IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
            ('pending', 'settled'), ('pending', 'failed'), ('settled', 'returned')
        ) THEN
            RAISE EXCEPTION 'settlement % cannot go from % to %', NEW.id, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_move_legal';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE INDEX settlement_due_idx ON app.settlement (settles_on, id)
    WHERE status = 'pending' AND trade_id IS NOT NULL
    """,
    # Trades that were booked before they had settlements; a UUIDv7 is made of the instant of the trade.
    """
    INSERT INTO app.settlement (
        id, owner_id, trade_id, direction, amount_minor, currency, settles_on, created_at, updated_at
    )
    SELECT (lpad(to_hex((extract(epoch FROM f.filled_at) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           p.owner_id, f.id, CASE WHEN t.cash_minor > 0 THEN 'in' ELSE 'out' END, abs(t.cash_minor), f.currency,
           t.settles_on, f.filled_at, f.filled_at
    FROM trading.fill AS f
    JOIN app.portfolio AS p ON p.id = f.portfolio_id
    JOIN app.transaction AS t ON t.id = f.transaction_id
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in (*SHORTS, *SETTLEMENTS):
        op.execute(statement)
