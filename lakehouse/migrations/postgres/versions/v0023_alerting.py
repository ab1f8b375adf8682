"""What users want to be told, what they were told, by which mail, and what the slow monitor found."""

from alembic import op

revision = "v0023_alerting"
down_revision = "v0022_first_moves"

STATEMENTS: tuple[str, ...] = (
    "CREATE SCHEMA alerting",
    # The checks are those of lakehouse.alerting.rules.Rule: what is written here can be judged.
    """
    CREATE TABLE alerting.rule (
        id           uuid           NOT NULL,
        owner_id     uuid           NOT NULL,
        portfolio_id uuid,
        symbol       text,
        kind         text           NOT NULL,
        limit_value  numeric(28, 8),
        is_amount    boolean        NOT NULL,
        hysteresis   numeric(9, 8)  NOT NULL,
        cool_down_s  integer        NOT NULL,
        once         boolean        NOT NULL,
        severity     text           NOT NULL,
        status       text           NOT NULL,
        arming       integer        NOT NULL DEFAULT 1,
        armed_at     timestamptz    NOT NULL,
        note         text           NOT NULL DEFAULT '',
        version      integer        NOT NULL DEFAULT 1,
        created_at   timestamptz    NOT NULL,
        updated_at   timestamptz    NOT NULL,
        CONSTRAINT rule_pkey PRIMARY KEY (id),
        CONSTRAINT rule_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT rule_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT rule_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT rule_kind_known CHECK (kind IN (
            'stop_loss', 'take_profit', 'trailing_stop', 'price_above', 'price_below', 'drawdown', 'daily_loss',
            'gross_exposure', 'concentration', 'var_batch', 'var_live', 'crossed_quote', 'stale_quote'
        )),
        CONSTRAINT rule_symbol_fits_kind CHECK ((symbol IS NULL) = (kind IN (
            'drawdown', 'daily_loss', 'gross_exposure', 'concentration', 'var_batch', 'var_live'
        ))),
        CONSTRAINT rule_portfolio_fits_kind CHECK ((portfolio_id IS NULL) = (kind IN (
            'price_above', 'price_below', 'crossed_quote', 'stale_quote'
        ))),
        CONSTRAINT rule_limit_fits_kind CHECK (
            (limit_value IS NULL) = (kind = 'crossed_quote') AND limit_value > 0 AND limit_value <> 'NaN'
        ),
        CONSTRAINT rule_share_below_one CHECK (kind NOT IN ('trailing_stop', 'drawdown') OR limit_value < 1),
        CONSTRAINT rule_amount_fits_kind CHECK (NOT is_amount OR kind IN (
            'daily_loss', 'gross_exposure', 'concentration', 'var_batch', 'var_live'
        )),
        CONSTRAINT rule_hysteresis_range CHECK (hysteresis >= 0 AND hysteresis < 1),
        CONSTRAINT rule_cool_down_range CHECK (cool_down_s BETWEEN 0 AND 31536000),
        CONSTRAINT rule_severity_known CHECK (severity IN ('info', 'warning', 'critical')),
        CONSTRAINT rule_status_known CHECK (status IN ('active', 'paused')),
        CONSTRAINT rule_note_length CHECK (length(note) <= 2000)
    )
    """,
    "CREATE INDEX rule_owner_idx ON alerting.rule (owner_id, id)",
    "CREATE INDEX rule_portfolio_idx ON alerting.rule (portfolio_id) WHERE portfolio_id IS NOT NULL",
    "CREATE INDEX rule_symbol_idx ON alerting.rule (symbol) WHERE symbol IS NOT NULL",
    # An alert outlives its rule and its portfolio: it says itself what it was about.
    """
    CREATE TABLE alerting.alert (
        id              uuid             NOT NULL,
        rule_id         uuid             NOT NULL,
        subject         text             NOT NULL,
        sequence        bigint           NOT NULL,
        source          text             NOT NULL,
        owner_id        uuid             NOT NULL,
        portfolio_id    uuid,
        symbol          text,
        kind            text             NOT NULL,
        severity        text             NOT NULL,
        at              timestamptz      NOT NULL,
        value           double precision NOT NULL,
        bound           double precision NOT NULL,
        tick_topic      text,
        tick_partition  integer,
        tick_offset     bigint,
        message         text             NOT NULL,
        created_at      timestamptz      NOT NULL,
        acknowledged_at timestamptz,
        acknowledged_by uuid,
        CONSTRAINT alert_pkey PRIMARY KEY (id),
        CONSTRAINT alert_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT alert_acknowledged_by_fkey FOREIGN KEY (acknowledged_by) REFERENCES auth.app_user (id),
        CONSTRAINT alert_once UNIQUE (rule_id, subject, sequence),
        CONSTRAINT alert_source_fits_sequence CHECK (
            (source = 'hot' AND sequence > 0) OR (source = 'monitor' AND sequence < 0)
        ),
        CONSTRAINT alert_severity_known CHECK (severity IN ('info', 'warning', 'critical')),
        CONSTRAINT alert_tick_whole CHECK (num_nonnulls(tick_topic, tick_partition, tick_offset) IN (0, 3)),
        CONSTRAINT alert_acknowledgement_whole CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
        CONSTRAINT alert_message_length CHECK (length(message) BETWEEN 1 AND 1000)
    )
    """,
    "CREATE INDEX alert_owner_idx ON alerting.alert (owner_id, id)",
    "CREATE INDEX alert_rule_idx ON alerting.alert (rule_id, id)",
    "CREATE INDEX alert_portfolio_idx ON alerting.alert (portfolio_id, id) WHERE portfolio_id IS NOT NULL",
    "CREATE INDEX alert_waiting_idx ON alerting.alert (owner_id, id) WHERE acknowledged_at IS NULL",
    """
    CREATE FUNCTION alerting.check_alert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.acknowledged_at IS NOT NULL
           OR to_jsonb(NEW) - '{acknowledged_at,acknowledged_by}'::text[]
              <> to_jsonb(OLD) - '{acknowledged_at,acknowledged_by}'::text[] THEN
            RAISE EXCEPTION 'alert % is a fact: it can be acknowledged, once, and nothing else', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'alert_is_fact';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER alert_is_fact BEFORE UPDATE ON alerting.alert
    FOR EACH ROW EXECUTE FUNCTION alerting.check_alert()
    """,
    """
    CREATE TRIGGER alert_append_only BEFORE DELETE OR TRUNCATE ON alerting.alert
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
    """,
    # Written before a mail goes out and after it went, so that a restart sends nothing twice that was noted.
    """
    CREATE TABLE alerting.mail (
        alert_id   uuid        NOT NULL,
        owner_id   uuid        NOT NULL,
        status     text        NOT NULL,
        message_id text        NOT NULL DEFAULT '',
        reason     text        NOT NULL DEFAULT '',
        attempts   integer     NOT NULL DEFAULT 0,
        queued_at  timestamptz NOT NULL,
        decided_at timestamptz,
        CONSTRAINT mail_pkey PRIMARY KEY (alert_id),
        CONSTRAINT mail_alert_fkey FOREIGN KEY (alert_id) REFERENCES alerting.alert (id),
        CONSTRAINT mail_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT mail_status_known CHECK (status IN ('waiting', 'sent', 'skipped', 'failed')),
        CONSTRAINT mail_decided_when_done CHECK ((status = 'waiting') = (decided_at IS NULL)),
        CONSTRAINT mail_sent_by_message CHECK (status <> 'sent' OR message_id <> ''),
        CONSTRAINT mail_attempts_counted CHECK (attempts >= 0)
    )
    """,
    "CREATE INDEX mail_waiting_idx ON alerting.mail (owner_id, alert_id) WHERE status = 'waiting'",
    "CREATE INDEX mail_sent_idx ON alerting.mail (owner_id, decided_at) WHERE status = 'sent'",
    """
    CREATE TABLE alerting.verdict (
        rule_id      uuid             NOT NULL,
        outcome      text             NOT NULL,
        reason       text             NOT NULL,
        value        double precision,
        bound        double precision,
        broken_since timestamptz,
        judged_at    timestamptz      NOT NULL,
        CONSTRAINT verdict_pkey PRIMARY KEY (rule_id),
        CONSTRAINT verdict_rule_fkey FOREIGN KEY (rule_id) REFERENCES alerting.rule (id) ON DELETE CASCADE,
        CONSTRAINT verdict_outcome_known CHECK (outcome IN ('kept', 'told', 'waiting', 'missed', 'not_judged')),
        CONSTRAINT verdict_broken_since CHECK (
            (outcome IN ('told', 'waiting', 'missed')) = (broken_since IS NOT NULL)
        )
    )
    """,
    "GRANT USAGE ON SCHEMA alerting TO tidemark_api",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON alerting.rule TO tidemark_api",
    "GRANT SELECT, INSERT, UPDATE (acknowledged_at, acknowledged_by) ON alerting.alert TO tidemark_api",
    "GRANT SELECT, INSERT, UPDATE ON alerting.mail TO tidemark_api",
    "GRANT SELECT ON alerting.verdict TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
