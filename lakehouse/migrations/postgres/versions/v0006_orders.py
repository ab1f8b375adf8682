"""Orders, their legal moves, their history and their fills."""

from alembic import op

revision = "v0006_orders"
down_revision = "v0005_books"

STATEMENTS = (
    "CREATE SCHEMA trading",
    """
    CREATE TABLE trading.order_move (
        from_status text NOT NULL,
        to_status   text NOT NULL,
        CONSTRAINT order_move_pkey PRIMARY KEY (from_status, to_status)
    )
    """,
    """
    INSERT INTO trading.order_move (from_status, to_status) VALUES
        ('new', 'accepted'), ('new', 'rejected'), ('new', 'held'),
        ('held', 'accepted'), ('held', 'canceled'), ('held', 'rejected'), ('held', 'expired'),
        ('accepted', 'partially_filled'), ('accepted', 'filled'), ('accepted', 'canceled'), ('accepted', 'expired'),
        ('accepted', 'replaced'), ('accepted', 'rejected'),
        ('partially_filled', 'partially_filled'), ('partially_filled', 'filled'), ('partially_filled', 'canceled'),
        ('partially_filled', 'expired'), ('partially_filled', 'replaced')
    """,
    """
    CREATE TABLE trading.order (
        id                 uuid           NOT NULL,
        portfolio_id       uuid           NOT NULL,
        account_id         uuid           NOT NULL,
        client_order_id    text           NOT NULL,
        symbol             text           NOT NULL,
        side               text           NOT NULL,
        type               text           NOT NULL,
        time_in_force      text           NOT NULL,
        expires_at         timestamptz,
        quantity           numeric(28, 8) NOT NULL,
        filled_quantity    numeric(28, 8) NOT NULL DEFAULT 0,
        average_fill_price numeric(18, 8),
        limit_price        numeric(18, 8),
        stop_price         numeric(18, 8),
        reference_price    numeric(18, 8),
        order_class        text           NOT NULL DEFAULT 'simple',
        leg                text           NOT NULL DEFAULT 'entry',
        parent_id          uuid,
        oco_group          uuid,
        replaces           uuid,
        replaced_by        uuid,
        status             text           NOT NULL DEFAULT 'new',
        status_reason      text           NOT NULL DEFAULT '',
        source             text           NOT NULL,
        currency           text           NOT NULL,
        reserved_minor     bigint         NOT NULL DEFAULT 0,
        reserved_quantity  numeric(28, 8) NOT NULL DEFAULT 0,
        lots               jsonb,
        surveillance_score double precision,
        surveillance_alert boolean,
        surveillance_reason text          NOT NULL DEFAULT '',
        request_hash       bytea          NOT NULL,
        version            integer        NOT NULL DEFAULT 1,
        created_at         timestamptz    NOT NULL,
        updated_at         timestamptz    NOT NULL,
        CONSTRAINT order_pkey PRIMARY KEY (id),
        CONSTRAINT order_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT order_account_fkey FOREIGN KEY (account_id) REFERENCES app.account (id),
        CONSTRAINT order_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT order_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT order_parent_fkey FOREIGN KEY (parent_id) REFERENCES trading.order (id),
        CONSTRAINT order_replaces_fkey FOREIGN KEY (replaces) REFERENCES trading.order (id),
        CONSTRAINT order_replaced_by_fkey FOREIGN KEY (replaced_by) REFERENCES trading.order (id)
            DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT order_client_id_unique UNIQUE (portfolio_id, client_order_id),
        CONSTRAINT order_client_id_shape CHECK (client_order_id ~ '^[A-Za-z0-9._:-]{1,128}$'),
        CONSTRAINT order_side_known CHECK (side IN ('buy', 'sell')),
        CONSTRAINT order_type_known CHECK (type IN ('market', 'limit', 'stop', 'stop_limit', 'take_profit')),
        CONSTRAINT order_time_in_force_known CHECK (time_in_force IN ('day', 'gtc', 'gtd', 'ioc', 'fok')),
        CONSTRAINT order_surveillance_range CHECK (surveillance_score BETWEEN 0 AND 1),
        CONSTRAINT order_expiry_where_needed CHECK (time_in_force <> 'gtd' OR expires_at IS NOT NULL),
        CONSTRAINT order_class_known CHECK (order_class IN ('simple', 'bracket', 'oco')),
        CONSTRAINT order_leg_known CHECK (leg IN ('entry', 'take_profit', 'stop_loss')),
        CONSTRAINT order_limit_where_needed CHECK (
            (limit_price IS NOT NULL) = (type IN ('limit', 'stop_limit', 'take_profit'))
        ),
        CONSTRAINT order_stop_where_needed CHECK ((stop_price IS NOT NULL) = (type IN ('stop', 'stop_limit'))),
        CONSTRAINT order_prices_positive CHECK (
            limit_price > 0 AND stop_price > 0 AND limit_price <> 'NaN' AND stop_price <> 'NaN'
        ),
        CONSTRAINT order_quantity_positive CHECK (quantity > 0 AND quantity <> 'NaN'),
        CONSTRAINT order_not_overfilled CHECK (filled_quantity BETWEEN 0 AND quantity),
        CONSTRAINT order_filled_when_full CHECK ((status = 'filled') = (filled_quantity = quantity)),
        CONSTRAINT order_partial_when_partial CHECK (status <> 'partially_filled' OR filled_quantity > 0),
        CONSTRAINT order_reservation_real CHECK (reserved_minor >= 0 AND reserved_quantity >= 0),
        CONSTRAINT order_reservation_ends CHECK (
            status IN ('new', 'held', 'accepted', 'partially_filled') OR (reserved_minor = 0 AND reserved_quantity = 0)
        ),
        CONSTRAINT order_status_known CHECK (
            status IN ('new', 'accepted', 'partially_filled', 'filled', 'canceled', 'expired', 'replaced', 'rejected',
                       'held')
        ),
        CONSTRAINT order_time_forward CHECK (updated_at >= created_at)
    )
    """,
    "CREATE INDEX order_portfolio_idx ON trading.order (portfolio_id, id)",
    # The newest orders of an account are what surveillance compares with.
    "CREATE INDEX order_account_idx ON trading.order (account_id, id)",
    """
    CREATE INDEX order_expiry_idx ON trading.order (expires_at)
    WHERE status IN ('new', 'held', 'accepted', 'partially_filled') AND expires_at IS NOT NULL
    """,
    "CREATE INDEX order_parent_idx ON trading.order (parent_id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX order_oco_idx ON trading.order (oco_group) WHERE oco_group IS NOT NULL",
    """
    CREATE INDEX order_open_idx ON trading.order (symbol, id)
    WHERE status IN ('new', 'held', 'accepted', 'partially_filled')
    """,
    """
    CREATE FUNCTION trading.check_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.status <> 'new' OR NEW.version <> 1 OR NEW.filled_quantity <> 0 THEN
                RAISE EXCEPTION 'order % starts as new, at version 1, unfilled', NEW.id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'order_starts_new';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.version <> OLD.version + 1 OR NEW.filled_quantity < OLD.filled_quantity THEN
            RAISE EXCEPTION 'order % moves one version at a time and never loses a fill', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'order_version_monotone';
        END IF;
        IF NEW.status <> OLD.status AND NOT EXISTS (
            SELECT FROM trading.order_move AS m WHERE m.from_status = OLD.status AND m.to_status = NEW.status
        ) THEN
            RAISE EXCEPTION 'order % cannot go from % to %', NEW.id, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'order_move_legal';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER order_check_move BEFORE INSERT OR UPDATE ON trading.order
    FOR EACH ROW EXECUTE FUNCTION trading.check_move()
    """,
    """
    CREATE TABLE trading.fill (
        id             uuid           NOT NULL,
        order_id       uuid           NOT NULL,
        portfolio_id   uuid           NOT NULL,
        venue_trade_id text           NOT NULL,
        symbol         text           NOT NULL,
        side           text           NOT NULL,
        quantity       numeric(28, 8) NOT NULL,
        price          numeric(18, 8) NOT NULL,
        currency       text           NOT NULL,
        gross_minor    bigint         NOT NULL,
        fee_minor      bigint         NOT NULL DEFAULT 0,
        transaction_id uuid           NOT NULL,
        filled_at      timestamptz    NOT NULL,
        created_at     timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT fill_pkey PRIMARY KEY (id),
        CONSTRAINT fill_order_fkey FOREIGN KEY (order_id) REFERENCES trading.order (id),
        CONSTRAINT fill_transaction_fkey FOREIGN KEY (transaction_id) REFERENCES app.transaction (id),
        CONSTRAINT fill_once UNIQUE (order_id, venue_trade_id),
        CONSTRAINT fill_quantity_positive CHECK (quantity > 0 AND quantity <> 'NaN'),
        CONSTRAINT fill_price_positive CHECK (price > 0 AND price <> 'NaN'),
        CONSTRAINT fill_fee_positive CHECK (fee_minor >= 0),
        CONSTRAINT fill_venue_id_shape CHECK (venue_trade_id ~ '^[A-Za-z0-9._:-]{1,128}$')
    )
    """,
    "CREATE INDEX fill_portfolio_idx ON trading.fill (portfolio_id, id)",
    """
    CREATE TABLE trading.order_event (
        order_id    uuid        NOT NULL,
        version     integer     NOT NULL,
        from_status text        NOT NULL,
        to_status   text        NOT NULL,
        reason      text        NOT NULL DEFAULT '',
        fill_id     uuid,
        occurred_at timestamptz NOT NULL,
        CONSTRAINT order_event_pkey PRIMARY KEY (order_id, version),
        CONSTRAINT order_event_order_fkey FOREIGN KEY (order_id) REFERENCES trading.order (id),
        CONSTRAINT order_event_fill_fkey FOREIGN KEY (fill_id) REFERENCES trading.fill (id)
    )
    """,
    *(
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.{name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()"
        for name in ("fill", "order_event")
    ),
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
