"""Customers, payments and the settlements of payments that leave the platform."""

from alembic import op

revision = "v0013_payments"
down_revision = "v0012_resources"

TABLES = (
    """
    CREATE TABLE app.customer (
        id                  uuid             NOT NULL,
        owner_id            uuid             NOT NULL,
        email               text             NOT NULL,
        name                text             NOT NULL,
        birth_date          date,
        phone               text,
        country             text,
        address_line        text,
        city                text,
        postal_code         text,
        document_type       text,
        document_country    text,
        document_last4      text,
        document_check      text             NOT NULL DEFAULT 'absent',
        ai_identity_score   double precision NOT NULL,
        ai_identity_reasons jsonb            NOT NULL,
        version             integer          NOT NULL DEFAULT 1,
        created_at          timestamptz      NOT NULL DEFAULT now(),
        updated_at          timestamptz      NOT NULL DEFAULT now(),
        CONSTRAINT customer_pkey PRIMARY KEY (id),
        CONSTRAINT customer_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT customer_email_unique UNIQUE (owner_id, email),
        CONSTRAINT customer_email_length CHECK (length(email) BETWEEN 3 AND 254),
        CONSTRAINT customer_name_length CHECK (length(name) BETWEEN 1 AND 200),
        CONSTRAINT customer_country_iso CHECK (country ~ '^[A-Z]{2}$'),
        CONSTRAINT customer_document_type_known CHECK (
            document_type IN ('passport', 'national_id', 'driving_licence', 'residence_permit')
        ),
        CONSTRAINT customer_document_whole CHECK (
            (document_type IS NULL) = (document_country IS NULL) AND (document_type IS NULL) = (document_last4 IS NULL)
            AND (document_type IS NULL) = (document_check = 'absent')
        ),
        CONSTRAINT customer_document_check_known CHECK (
            document_check IN ('absent', 'malformed', 'checksum_wrong', 'plausible', 'checksum_right')
        ),
        CONSTRAINT customer_document_not_kept CHECK (length(document_last4) <= 4),
        CONSTRAINT customer_score_range CHECK (ai_identity_score BETWEEN 0 AND 1),
        CONSTRAINT customer_reasons_list CHECK (jsonb_typeof(ai_identity_reasons) = 'array')
    )
    """,
    """
    CREATE TABLE app.payment (
        id                   uuid             NOT NULL,
        owner_id             uuid             NOT NULL,
        from_account_id      uuid             NOT NULL,
        to_account_id        uuid,
        counterparty_name    text,
        counterparty_iban    text,
        amount_minor         bigint           NOT NULL,
        currency             text             NOT NULL,
        reference            text             NOT NULL DEFAULT '',
        note                 text             NOT NULL DEFAULT '',
        status               text             NOT NULL DEFAULT 'pending',
        status_reason        text             NOT NULL DEFAULT '',
        fraud_score          double precision NOT NULL,
        fraud_recommendation text             NOT NULL,
        fraud_reasons        jsonb            NOT NULL,
        fraud_model          text             NOT NULL,
        reviewed_by          uuid,
        reviewed_at          timestamptz,
        settled_at           timestamptz,
        version              integer          NOT NULL DEFAULT 1,
        created_at           timestamptz      NOT NULL,
        updated_at           timestamptz      NOT NULL,
        CONSTRAINT payment_pkey PRIMARY KEY (id),
        CONSTRAINT payment_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT payment_from_fkey FOREIGN KEY (from_account_id) REFERENCES app.account (id),
        CONSTRAINT payment_to_fkey FOREIGN KEY (to_account_id) REFERENCES app.account (id),
        CONSTRAINT payment_reviewer_fkey FOREIGN KEY (reviewed_by) REFERENCES auth.app_user (id),
        CONSTRAINT payment_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT payment_one_receiver CHECK (
            (to_account_id IS NULL) = (counterparty_iban IS NOT NULL)
            AND (counterparty_iban IS NULL) = (counterparty_name IS NULL)
        ),
        CONSTRAINT payment_to_another CHECK (to_account_id <> from_account_id),
        CONSTRAINT payment_amount_positive CHECK (amount_minor > 0),
        CONSTRAINT payment_text_length CHECK (
            length(reference) <= 140 AND length(note) <= 500 AND length(status_reason) <= 300
            AND length(counterparty_name) <= 140
        ),
        CONSTRAINT payment_iban_shape CHECK (counterparty_iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'),
        CONSTRAINT payment_status_known CHECK (
            status IN ('pending', 'held_for_review', 'authorised', 'blocked', 'settled', 'failed', 'canceled',
                       'returned')
        ),
        CONSTRAINT payment_score_range CHECK (fraud_score BETWEEN 0 AND 1),
        CONSTRAINT payment_recommendation_known CHECK (fraud_recommendation IN ('allow', 'review', 'block')),
        CONSTRAINT payment_block_stops CHECK (fraud_recommendation <> 'block' OR status IN ('pending', 'blocked')),
        CONSTRAINT payment_review_by_another CHECK (reviewed_by <> owner_id),
        CONSTRAINT payment_review_whole CHECK ((reviewed_by IS NULL) = (reviewed_at IS NULL)),
        CONSTRAINT payment_review_before_money CHECK (
            fraud_recommendation <> 'review' OR reviewed_by IS NOT NULL
            OR status IN ('pending', 'held_for_review', 'canceled')
        ),
        CONSTRAINT payment_settled_when CHECK ((settled_at IS NOT NULL) = (status IN ('settled', 'returned'))),
        CONSTRAINT payment_model_known CHECK (fraud_model IN ('rules', 'rules+isolation_forest')),
        CONSTRAINT payment_time_forward CHECK (updated_at >= created_at)
    )
    """,
    "CREATE INDEX payment_owner_idx ON app.payment (owner_id, id)",
    "CREATE INDEX payment_history_idx ON app.payment (from_account_id, currency, created_at, id)",
    """
    CREATE TABLE app.settlement (
        id            uuid        NOT NULL,
        owner_id      uuid        NOT NULL,
        payment_id    uuid        NOT NULL,
        amount_minor  bigint      NOT NULL,
        currency      text        NOT NULL,
        status        text        NOT NULL DEFAULT 'pending',
        status_reason text        NOT NULL DEFAULT '',
        settles_on    date        NOT NULL,
        settled_at    timestamptz,
        version       integer     NOT NULL DEFAULT 1,
        created_at    timestamptz NOT NULL,
        updated_at    timestamptz NOT NULL,
        CONSTRAINT settlement_pkey PRIMARY KEY (id),
        CONSTRAINT settlement_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT settlement_payment_fkey FOREIGN KEY (payment_id) REFERENCES app.payment (id),
        CONSTRAINT settlement_payment_unique UNIQUE (payment_id),
        CONSTRAINT settlement_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT settlement_amount_positive CHECK (amount_minor > 0),
        CONSTRAINT settlement_status_known CHECK (status IN ('pending', 'settled', 'failed', 'returned')),
        CONSTRAINT settlement_reason_length CHECK (length(status_reason) <= 300),
        CONSTRAINT settlement_settled_when CHECK ((settled_at IS NOT NULL) = (status IN ('settled', 'returned')))
    )
    """,
    "CREATE INDEX settlement_owner_idx ON app.settlement (owner_id, id)",
)

# The application decides which move to make; the database forbids those that no application may make.
RULES = (
    """
    CREATE FUNCTION app.check_payment() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.owner_id, NEW.from_account_id, NEW.amount_minor, NEW.currency, NEW.fraud_score,
            NEW.fraud_recommendation, NEW.created_at)
           IS DISTINCT FROM
           (OLD.owner_id, OLD.from_account_id, OLD.amount_minor, OLD.currency, OLD.fraud_score,
            OLD.fraud_recommendation, OLD.created_at)
           OR (NEW.to_account_id, NEW.counterparty_iban, NEW.counterparty_name)
           IS DISTINCT FROM (OLD.to_account_id, OLD.counterparty_iban, OLD.counterparty_name)
        THEN
            RAISE EXCEPTION 'payment % keeps who, whom and how much', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_is_fixed';
        END IF;
        IF NEW.version <> OLD.version + 1 THEN
            RAISE EXCEPTION 'payment % moves one version at a time', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_version_monotone';
        END IF;
        IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
            ('pending', 'held_for_review'), ('pending', 'authorised'), ('pending', 'blocked'), ('pending', 'settled'),
            ('pending', 'canceled'), ('pending', 'failed'),
            ('held_for_review', 'authorised'), ('held_for_review', 'settled'), ('held_for_review', 'failed'),
            ('held_for_review', 'canceled'),
            ('authorised', 'settled'), ('authorised', 'failed'), ('settled', 'returned')
        ) THEN
            RAISE EXCEPTION 'payment % cannot go from % to %', NEW.id, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_move_legal';
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER payment_check BEFORE UPDATE ON app.payment FOR EACH ROW EXECUTE FUNCTION app.check_payment()",
    """
    CREATE FUNCTION app.check_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.owner_id, NEW.payment_id, NEW.amount_minor, NEW.currency, NEW.created_at)
           IS DISTINCT FROM (OLD.owner_id, OLD.payment_id, OLD.amount_minor, OLD.currency, OLD.created_at)
           OR NEW.version <> OLD.version + 1
        THEN
            RAISE EXCEPTION 'settlement % keeps its payment and amount', NEW.id
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
    CREATE TRIGGER settlement_check BEFORE UPDATE ON app.settlement
    FOR EACH ROW EXECUTE FUNCTION app.check_settlement()
    """,
    "REVOKE DELETE ON app.payment, app.settlement FROM tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in (*TABLES, *RULES):
        op.execute(statement)
