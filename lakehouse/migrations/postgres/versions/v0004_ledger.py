"""Accounts and the double-entry ledger: integer minor units, append-only, every transfer sums to zero a currency."""

from alembic import op

revision = "v0004_ledger"
down_revision = "v0003_users"

TABLES = (
    """
    CREATE TABLE app.account (
        id            uuid        NOT NULL,
        owner_id      uuid        NOT NULL,
        name          text        NOT NULL,
        kind          text        NOT NULL DEFAULT 'brokerage',
        base_currency text        NOT NULL,
        lot_method    text        NOT NULL DEFAULT 'fifo',
        allows_short  boolean     NOT NULL DEFAULT false,
        status        text        NOT NULL DEFAULT 'open',
        version       integer     NOT NULL DEFAULT 1,
        created_at    timestamptz NOT NULL DEFAULT now(),
        updated_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT account_pkey PRIMARY KEY (id),
        CONSTRAINT account_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT account_name_unique UNIQUE (owner_id, name),
        CONSTRAINT account_name_not_blank CHECK (btrim(name) <> '' AND length(name) <= 200),
        CONSTRAINT account_kind_known CHECK (kind IN ('brokerage', 'cash')),
        CONSTRAINT account_currency_iso CHECK (base_currency ~ '^[A-Z]{3}$'),
        CONSTRAINT account_lot_method_known CHECK (lot_method IN ('fifo', 'lifo', 'hifo', 'average', 'specific')),
        CONSTRAINT account_status_known CHECK (status IN ('open', 'closed'))
    )
    """,
    "CREATE SCHEMA ledger",
    """
    CREATE TABLE ledger.currency (
        code         text    NOT NULL,
        minor_digits integer NOT NULL,
        CONSTRAINT currency_pkey PRIMARY KEY (code),
        CONSTRAINT currency_code_shape CHECK (code ~ '^[A-Z][A-Z_]{2,11}$'),
        CONSTRAINT currency_digits_range CHECK (minor_digits BETWEEN 0 AND 8)
    )
    """,
    # The world's currencies differ in their minor unit: the yen has none, the dinar has thousandths.
    """
    INSERT INTO ledger.currency (code, minor_digits)
    SELECT code, 2 FROM unnest(ARRAY['AED', 'AUD', 'BGN', 'BRL', 'CAD', 'CHF', 'CNY', 'COP', 'CZK', 'DKK', 'EGP', 'EUR',
        'GBP', 'HKD', 'HUF', 'IDR', 'ILS', 'INR', 'KES', 'MAD', 'MXN', 'MYR', 'NGN', 'NOK', 'NZD', 'PEN', 'PHP', 'PLN',
        'QAR', 'RON', 'SAR', 'SEK', 'SGD', 'THB', 'TRY', 'TWD', 'UAH', 'USD', 'ZAR']) AS code
    UNION ALL SELECT code, 0 FROM unnest(ARRAY['CLP', 'ISK', 'JPY', 'KRW', 'PYG', 'UGX', 'VND']) AS code
    UNION ALL SELECT code, 3 FROM unnest(ARRAY['BHD', 'JOD', 'KWD', 'OMR', 'TND']) AS code
    UNION ALL SELECT 'SIM_COIN', 2
    """,
    """
    CREATE TABLE ledger.account (
        id              uuid        NOT NULL,
        account_id      uuid,
        purpose         text        NOT NULL,
        currency        text        NOT NULL,
        balance_minor   bigint      NOT NULL DEFAULT 0,
        reserved_minor  bigint      NOT NULL DEFAULT 0,
        allows_negative boolean     NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ledger_account_pkey PRIMARY KEY (id),
        CONSTRAINT ledger_account_owner_fkey FOREIGN KEY (account_id) REFERENCES app.account (id),
        CONSTRAINT ledger_account_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT ledger_account_unique UNIQUE NULLS NOT DISTINCT (account_id, purpose, currency),
        CONSTRAINT ledger_account_currency_unique UNIQUE (id, currency),
        CONSTRAINT ledger_account_purpose_known CHECK (
            purpose IN ('cash', 'coin', 'external', 'securities', 'income', 'fees', 'taxes', 'fx', 'mint')
        ),
        CONSTRAINT ledger_account_sign CHECK (allows_negative = (purpose NOT IN ('cash', 'coin'))),
        CONSTRAINT ledger_account_no_overdraft CHECK (allows_negative OR balance_minor >= 0),
        CONSTRAINT ledger_account_reserved_covered CHECK (
            reserved_minor >= 0 AND (reserved_minor = 0 OR (NOT allows_negative AND reserved_minor <= balance_minor))
        )
    )
    """,
    """
    CREATE TABLE ledger.transfer (
        id             uuid        NOT NULL,
        kind           text        NOT NULL,
        source_id      uuid        NOT NULL,
        reverses       uuid,
        effective_at   timestamptz NOT NULL,
        note           text        NOT NULL DEFAULT '',
        transaction_id bigint      NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
        booked_at      timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT transfer_pkey PRIMARY KEY (id),
        CONSTRAINT transfer_once UNIQUE (kind, source_id),
        CONSTRAINT transfer_reversed_once UNIQUE (reverses),
        CONSTRAINT transfer_reverses_fkey FOREIGN KEY (reverses) REFERENCES ledger.transfer (id),
        CONSTRAINT transfer_kind_shape CHECK (kind ~ '^[a-z][a-z_]{1,39}$'),
        CONSTRAINT transfer_note_length CHECK (length(note) <= 500)
    )
    """,
    """
    CREATE TABLE ledger.entry (
        transfer_id       uuid     NOT NULL,
        line              integer  NOT NULL,
        ledger_account_id uuid     NOT NULL,
        currency          text     NOT NULL,
        amount_minor      bigint   NOT NULL,
        CONSTRAINT entry_pkey PRIMARY KEY (transfer_id, line),
        CONSTRAINT entry_transfer_fkey FOREIGN KEY (transfer_id) REFERENCES ledger.transfer (id),
        CONSTRAINT entry_account_fkey FOREIGN KEY (ledger_account_id, currency)
            REFERENCES ledger.account (id, currency),
        CONSTRAINT entry_amount_real CHECK (amount_minor <> 0)
    )
    """,
    "CREATE INDEX entry_account_idx ON ledger.entry (ledger_account_id)",
)

RULES = (
    """
    CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%.% is append-only: book a reversal instead', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    # Entries move balances in the order of account ids, so that two transfers never wait for each other in a ring.
    # They belong to the database transaction that wrote their transfer: a booked transfer gets no further line.
    """
    CREATE FUNCTION ledger.post_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = '' AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM posted AS p JOIN ledger.transfer AS t ON t.id = p.transfer_id
            WHERE t.transaction_id <> pg_current_xact_id()::text::bigint
        ) THEN
            RAISE EXCEPTION 'a booked transfer takes no further entries' USING ERRCODE = 'restrict_violation';
        END IF;
        PERFORM FROM ledger.account AS a
        WHERE a.id IN (SELECT p.ledger_account_id FROM posted AS p) ORDER BY a.id FOR NO KEY UPDATE;
        UPDATE ledger.account AS a SET balance_minor = a.balance_minor + s.amount
        FROM (
            SELECT p.ledger_account_id AS id, sum(p.amount_minor)::bigint AS amount FROM posted AS p GROUP BY 1
        ) AS s
        WHERE a.id = s.id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION ledger.check_transfer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = '' AS $$
    BEGIN
        IF (SELECT count(*) FROM ledger.entry AS e WHERE e.transfer_id = NEW.id) < 2 OR EXISTS (
            SELECT FROM ledger.entry AS e WHERE e.transfer_id = NEW.id
            GROUP BY e.currency HAVING sum(e.amount_minor) <> 0
        ) THEN
            RAISE EXCEPTION 'transfer % does not sum to zero in every currency', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'transfer_sums_to_zero';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER entry_post AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries()
    """,
    """
    CREATE CONSTRAINT TRIGGER transfer_sums_to_zero AFTER INSERT ON ledger.transfer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_transfer()
    """,
    *(
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.{name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()"
        for name in ("transfer", "entry")
    ),
)

# What was there before there were users belongs to the system user, each portfolio with an account of its own.
PORTFOLIOS = (
    """
    INSERT INTO app.account (id, owner_id, name, base_currency, allows_short, created_at)
    SELECT gen_random_uuid(), '00000000-0000-7000-8000-000000000000', p.name, p.base_currency, true, p.created_at
    FROM app.portfolio AS p
    """,
    "ALTER TABLE app.portfolio ADD COLUMN owner_id uuid, ADD COLUMN account_id uuid",
    """
    UPDATE app.portfolio AS p SET owner_id = a.owner_id, account_id = a.id
    FROM app.account AS a WHERE a.name = p.name
    """,
    """
    ALTER TABLE app.portfolio
        ALTER COLUMN owner_id SET NOT NULL,
        ALTER COLUMN account_id SET NOT NULL,
        ADD COLUMN version integer NOT NULL DEFAULT 1,
        ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
        DROP CONSTRAINT portfolio_name_unique,
        ADD CONSTRAINT portfolio_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        ADD CONSTRAINT portfolio_account_fkey FOREIGN KEY (account_id) REFERENCES app.account (id),
        ADD CONSTRAINT portfolio_account_unique UNIQUE (account_id),
        ADD CONSTRAINT portfolio_name_unique UNIQUE (owner_id, name)
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in (*TABLES, *RULES, *PORTFOLIOS):
        op.execute(statement)
