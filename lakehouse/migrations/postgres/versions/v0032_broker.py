"""Orders at brokers: which portfolios trade there, what was sent, what was traded, and what does not agree."""

from alembic import op

revision = "v0032_broker"
down_revision = "v0031_indexes"

STATEMENTS: tuple[str, ...] = (
    "CREATE SCHEMA broker",
    # A portfolio without a row trades at the simulated venue.
    """
    CREATE TABLE broker.route (
        portfolio_id uuid        NOT NULL,
        venue        text        NOT NULL,
        set_at       timestamptz NOT NULL,
        CONSTRAINT route_pkey PRIMARY KEY (portfolio_id),
        CONSTRAINT route_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT route_venue_known CHECK (venue IN ('alpaca', 'alpaca-live', 'angel-one'))
    )
    """,
    # Written before the order is sent: whatever is killed, the broker can be asked for client_id.
    """
    CREATE TABLE broker.submission (
        order_id        uuid        NOT NULL,
        portfolio_id    uuid        NOT NULL,
        venue           text        NOT NULL,
        client_id       text        NOT NULL,
        broker_id       text        NOT NULL DEFAULT '',
        status          text        NOT NULL,
        reason          text        NOT NULL DEFAULT '',
        sends           integer     NOT NULL,
        sent_at         timestamptz NOT NULL,
        cancel_asked_at timestamptz,
        created_at      timestamptz NOT NULL,
        updated_at      timestamptz NOT NULL,
        CONSTRAINT submission_pkey PRIMARY KEY (order_id),
        CONSTRAINT submission_order_fkey FOREIGN KEY (order_id) REFERENCES trading.order (id),
        CONSTRAINT submission_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT submission_client_id_once UNIQUE (venue, client_id),
        CONSTRAINT submission_venue_known CHECK (venue IN ('alpaca', 'alpaca-live', 'angel-one')),
        CONSTRAINT submission_client_id_shape CHECK (client_id ~ '^[A-Za-z0-9-]{1,36}$'),
        CONSTRAINT submission_status_known CHECK (status IN ('in_doubt', 'unsent', 'open', 'ended')),
        CONSTRAINT submission_open_is_known CHECK (status <> 'open' OR broker_id <> ''),
        CONSTRAINT submission_sends_counted CHECK (sends >= 1),
        CONSTRAINT submission_reason_length CHECK (length(reason) <= 300),
        CONSTRAINT submission_time_forward CHECK (updated_at >= created_at)
    )
    """,
    "CREATE INDEX submission_living_idx ON broker.submission (venue, order_id) WHERE status <> 'ended'",
    "CREATE INDEX submission_broker_id_idx ON broker.submission (venue, broker_id) WHERE broker_id <> ''",
    """
    CREATE TABLE broker.execution (
        venue       text           NOT NULL,
        trade_id    text           NOT NULL,
        order_id    uuid           NOT NULL,
        quantity    numeric(28, 8) NOT NULL,
        price       numeric(18, 8) NOT NULL,
        executed_at timestamptz    NOT NULL,
        is_booked   boolean        NOT NULL,
        rule        text           NOT NULL DEFAULT '',
        seen_at     timestamptz    NOT NULL,
        CONSTRAINT execution_pkey PRIMARY KEY (venue, trade_id),
        CONSTRAINT execution_submission_fkey FOREIGN KEY (order_id) REFERENCES broker.submission (order_id),
        CONSTRAINT execution_quantity_positive CHECK (quantity > 0 AND quantity <> 'NaN'),
        CONSTRAINT execution_price_positive CHECK (price > 0 AND price <> 'NaN'),
        CONSTRAINT execution_rule_where_refused CHECK (is_booked = (rule = ''))
    )
    """,
    "CREATE INDEX execution_order_idx ON broker.execution (order_id)",
    "CREATE INDEX execution_refused_idx ON broker.execution (venue, trade_id) WHERE NOT is_booked",
    """
    CREATE TABLE broker.progress (
        venue         text        NOT NULL,
        seen_at       timestamptz NOT NULL,
        reconciled_at timestamptz,
        CONSTRAINT progress_pkey PRIMARY KEY (venue),
        CONSTRAINT progress_venue_known CHECK (venue IN ('alpaca', 'alpaca-live', 'angel-one'))
    )
    """,
    """
    CREATE TABLE broker.difference (
        id           uuid        NOT NULL,
        venue        text        NOT NULL,
        portfolio_id uuid,
        name         text        NOT NULL,
        subject      text        NOT NULL,
        detail       text        NOT NULL,
        message      text        NOT NULL,
        found_at     timestamptz NOT NULL,
        accepted_at  timestamptz,
        accepted_by  text,
        gone_at      timestamptz,
        CONSTRAINT difference_pkey PRIMARY KEY (id),
        CONSTRAINT difference_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT difference_venue_known CHECK (venue IN ('alpaca', 'alpaca-live', 'angel-one')),
        CONSTRAINT difference_name_known CHECK (name IN (
            'account_blocked', 'position', 'order_unknown', 'order_missing', 'order_in_doubt', 'execution_refused',
            'executions_missing'
        )),
        CONSTRAINT difference_acceptance_whole CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
        CONSTRAINT difference_text_length CHECK (
            length(subject) <= 200 AND length(detail) <= 200 AND length(message) <= 1000 AND length(accepted_by) <= 200
        )
    )
    """,
    """
    CREATE UNIQUE INDEX difference_once ON broker.difference (venue, portfolio_id, name, subject, detail)
    NULLS NOT DISTINCT WHERE gone_at IS NULL
    """,
    # The API sees where orders are, and notes that their owner wants them canceled.
    "GRANT USAGE ON SCHEMA broker TO tidemark_api",
    "GRANT SELECT ON broker.route, broker.submission TO tidemark_api",
    "GRANT UPDATE (cancel_asked_at) ON broker.submission TO tidemark_api",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
