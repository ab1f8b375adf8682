"""Transactions, and what they fold to: lots, closures and positions."""

from alembic import op

revision = "v0005_books"
down_revision = "v0004_ledger"

STATEMENTS = (
    """
    ALTER TABLE app.instrument
        ADD COLUMN id         uuid           NOT NULL DEFAULT gen_random_uuid(),
        ADD COLUMN kind       text           NOT NULL DEFAULT 'equity',
        ADD COLUMN status     text           NOT NULL DEFAULT 'active',
        ADD COLUMN multiplier numeric(18, 8) NOT NULL DEFAULT 1,
        ADD COLUMN sector     text           NOT NULL DEFAULT '',
        ADD COLUMN version    integer        NOT NULL DEFAULT 1,
        ADD COLUMN updated_at timestamptz    NOT NULL DEFAULT now(),
        ADD CONSTRAINT instrument_id_unique UNIQUE (id),
        ADD CONSTRAINT instrument_kind_known CHECK (
            kind IN ('equity', 'etf', 'fund', 'bond', 'option', 'crypto', 'commodity', 'other')
        ),
        ADD CONSTRAINT instrument_status_known CHECK (status IN ('draft', 'active', 'delisted')),
        ADD CONSTRAINT instrument_multiplier_positive CHECK (multiplier > 0 AND multiplier <> 'NaN'),
        ADD CONSTRAINT instrument_sector_length CHECK (length(sector) <= 100)
    """,
    """
    CREATE TABLE app.transaction (
        id             uuid           NOT NULL,
        portfolio_id   uuid           NOT NULL,
        account_id     uuid           NOT NULL,
        kind           text           NOT NULL,
        symbol         text,
        quantity       numeric(28, 8),
        price          numeric(18, 8),
        currency       text           NOT NULL,
        gross_minor    bigint         NOT NULL,
        cash_minor     bigint         NOT NULL,
        fee_minor      bigint         NOT NULL DEFAULT 0,
        tax_minor      bigint         NOT NULL DEFAULT 0,
        fx_rate        numeric(18, 8) NOT NULL DEFAULT 1,
        ratio          numeric(18, 8),
        related_symbol text,
        cost_share     numeric(9, 8),
        lots           jsonb,
        occurred_at    timestamptz    NOT NULL,
        settles_on     date           NOT NULL,
        external_id    text,
        source         text           NOT NULL,
        fill_id        uuid,
        import_id      uuid,
        note           text           NOT NULL DEFAULT '',
        reversed_at    timestamptz,
        version        integer        NOT NULL DEFAULT 1,
        created_at     timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT transaction_pkey PRIMARY KEY (id),
        CONSTRAINT transaction_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT transaction_account_fkey FOREIGN KEY (account_id) REFERENCES app.account (id),
        CONSTRAINT transaction_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT transaction_related_fkey FOREIGN KEY (related_symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT transaction_currency_fkey FOREIGN KEY (currency) REFERENCES ledger.currency (code),
        CONSTRAINT transaction_fill_unique UNIQUE (fill_id),
        CONSTRAINT transaction_kind_known CHECK (
            kind IN ('buy', 'sell', 'dividend', 'interest', 'fee', 'tax', 'deposit', 'withdrawal', 'split',
                     'reverse_split', 'transfer_in', 'transfer_out', 'spin_off')
        ),
        CONSTRAINT transaction_source_known CHECK (source IN ('api', 'import', 'fill', 'payment', 'seed')),
        CONSTRAINT transaction_symbol_where_needed CHECK (
            (symbol IS NOT NULL) OR kind IN ('interest', 'fee', 'tax', 'deposit', 'withdrawal')
        ),
        CONSTRAINT transaction_units_where_needed CHECK (
            (quantity IS NOT NULL) = (kind IN ('buy', 'sell', 'transfer_in', 'transfer_out'))
            AND (price IS NOT NULL) = (kind IN ('buy', 'sell', 'transfer_in', 'transfer_out'))
        ),
        CONSTRAINT transaction_quantity_positive CHECK (quantity > 0 AND quantity <> 'NaN'),
        CONSTRAINT transaction_price_real CHECK (price >= 0 AND price <> 'NaN'),
        CONSTRAINT transaction_fx_positive CHECK (fx_rate > 0 AND fx_rate <> 'NaN'),
        CONSTRAINT transaction_ratio_where_needed CHECK (
            (ratio IS NOT NULL) = (kind IN ('split', 'reverse_split', 'spin_off')) AND ratio > 0
        ),
        CONSTRAINT transaction_split_direction CHECK (
            (kind <> 'split' OR ratio > 1) AND (kind <> 'reverse_split' OR ratio < 1)
        ),
        CONSTRAINT transaction_spin_off_complete CHECK (
            (related_symbol IS NOT NULL) = (kind = 'spin_off') AND (cost_share IS NOT NULL) = (kind = 'spin_off')
            AND (cost_share BETWEEN 0 AND 1)
        ),
        CONSTRAINT transaction_charges_positive CHECK (gross_minor >= 0 AND fee_minor >= 0 AND tax_minor >= 0),
        CONSTRAINT transaction_cash_sign CHECK (
            CASE
                WHEN kind IN ('deposit') THEN cash_minor > 0
                WHEN kind IN ('withdrawal', 'fee', 'tax') THEN cash_minor < 0
                WHEN kind IN ('split', 'reverse_split', 'spin_off', 'transfer_in', 'transfer_out') THEN cash_minor = 0
                ELSE true
            END
        ),
        CONSTRAINT transaction_text_length CHECK (length(note) <= 500 AND length(external_id) <= 200)
    )
    """,
    "CREATE INDEX transaction_fold_idx ON app.transaction (portfolio_id, symbol, occurred_at, id)",
    "CREATE INDEX transaction_account_idx ON app.transaction (account_id)",
    "CREATE INDEX transaction_list_idx ON app.transaction (portfolio_id, id)",
    "CREATE INDEX transaction_time_idx ON app.transaction (portfolio_id, occurred_at, id)",
    # Spin-offs are few, and every refold asks which symbols they tie together.
    """
    CREATE INDEX transaction_related_idx ON app.transaction (portfolio_id, related_symbol)
    WHERE related_symbol IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX transaction_external_unique ON app.transaction (portfolio_id, external_id)
    WHERE external_id IS NOT NULL AND reversed_at IS NULL
    """,
    """
    CREATE FUNCTION app.transaction_is_fact() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'UPDATE' THEN
            RAISE EXCEPTION 'a transaction is never deleted: reverse it' USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.reversed_at IS NOT NULL AND NEW.reversed_at IS DISTINCT FROM OLD.reversed_at
           OR to_jsonb(NEW) - '{note,reversed_at,version}'::text[]
              <> to_jsonb(OLD) - '{note,reversed_at,version}'::text[]
        THEN
            RAISE EXCEPTION 'a booked transaction keeps its numbers: reverse it and book the right one'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER transaction_is_fact BEFORE UPDATE OR DELETE ON app.transaction
    FOR EACH ROW EXECUTE FUNCTION app.transaction_is_fact()
    """,
    """
    CREATE TABLE app.lot (
        portfolio_id      uuid           NOT NULL,
        symbol            text           NOT NULL,
        id                uuid           NOT NULL,
        opened_by         uuid           NOT NULL,
        opened_at         timestamptz    NOT NULL,
        original_quantity numeric(28, 8) NOT NULL,
        quantity          numeric(28, 8) NOT NULL,
        cost_minor        bigint         NOT NULL,
        currency          text           NOT NULL,
        CONSTRAINT lot_pkey PRIMARY KEY (portfolio_id, symbol, id),
        CONSTRAINT lot_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT lot_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT lot_opened_by_fkey FOREIGN KEY (opened_by) REFERENCES app.transaction (id),
        CONSTRAINT lot_open CHECK (quantity <> 0 AND quantity <> 'NaN' AND sign(quantity) = sign(original_quantity))
    )
    """,
    """
    CREATE TABLE app.lot_closure (
        portfolio_id      uuid           NOT NULL,
        symbol            text           NOT NULL,
        closed_by         uuid           NOT NULL,
        lot_id            uuid           NOT NULL,
        opened_at         timestamptz    NOT NULL,
        closed_at         timestamptz    NOT NULL,
        quantity          numeric(28, 8) NOT NULL,
        cost_minor        bigint         NOT NULL,
        cost_currency     text           NOT NULL,
        proceeds_minor    bigint         NOT NULL,
        proceeds_currency text           NOT NULL,
        CONSTRAINT lot_closure_pkey PRIMARY KEY (portfolio_id, symbol, closed_by, lot_id),
        CONSTRAINT lot_closure_portfolio_fkey FOREIGN KEY (portfolio_id) REFERENCES app.portfolio (id),
        CONSTRAINT lot_closure_closed_by_fkey FOREIGN KEY (closed_by) REFERENCES app.transaction (id),
        CONSTRAINT lot_closure_quantity_real CHECK (quantity <> 0 AND quantity <> 'NaN')
    )
    """,
    """
    ALTER TABLE app.position
        ADD COLUMN id                uuid           NOT NULL
            GENERATED ALWAYS AS (md5(portfolio_id::text || ' ' || symbol)::uuid) STORED,
        ADD COLUMN reserved_quantity numeric(28, 8) NOT NULL DEFAULT 0,
        ADD COLUMN version           integer        NOT NULL DEFAULT 1,
        ADD CONSTRAINT position_id_unique UNIQUE (id),
        ADD CONSTRAINT position_reserved_covered CHECK (
            reserved_quantity >= 0 AND (reserved_quantity = 0 OR reserved_quantity <= quantity)
        )
    """,
    # Positions that were there before there were transactions came in, or were sold short, when they last changed; what
    # they cost is not known, so that it is 0. A UUIDv7 is made of that instant.
    """
    INSERT INTO app.transaction (
        id, portfolio_id, account_id, kind, symbol, quantity, price, currency, gross_minor, cash_minor, occurred_at,
        settles_on, source, note
    )
    SELECT (lpad(to_hex((extract(epoch FROM x.updated_at) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           x.portfolio_id, p.account_id, CASE WHEN x.quantity > 0 THEN 'transfer_in' ELSE 'transfer_out' END, x.symbol,
           abs(x.quantity), 0, coalesce(c.code, 'USD'), 0, 0, x.updated_at, (x.updated_at AT TIME ZONE 'UTC')::date,
           'seed', 'held before transactions were kept; its cost is not known'
    FROM app.position AS x
    JOIN app.portfolio AS p ON p.id = x.portfolio_id
    JOIN app.instrument AS i ON i.symbol = x.symbol
    LEFT JOIN ledger.currency AS c ON c.code = i.currency
    """,
    """
    INSERT INTO app.lot (
        portfolio_id, symbol, id, opened_by, opened_at, original_quantity, quantity, cost_minor, currency
    )
    SELECT x.portfolio_id, x.symbol, t.id, t.id, t.occurred_at, x.quantity, x.quantity, 0, t.currency
    FROM app.position AS x
    JOIN app.transaction AS t ON t.portfolio_id = x.portfolio_id AND t.symbol = x.symbol
    """,
    "CREATE SCHEMA market",
    """
    CREATE TABLE market.fx_rate (
        base     text           NOT NULL,
        quote    text           NOT NULL,
        as_of    date           NOT NULL,
        rate     numeric(18, 8) NOT NULL,
        provider text           NOT NULL,
        CONSTRAINT fx_rate_pkey PRIMARY KEY (base, quote, as_of),
        CONSTRAINT fx_rate_base_fkey FOREIGN KEY (base) REFERENCES ledger.currency (code),
        CONSTRAINT fx_rate_quote_fkey FOREIGN KEY (quote) REFERENCES ledger.currency (code),
        CONSTRAINT fx_rate_pair CHECK (base <> quote),
        CONSTRAINT fx_rate_positive CHECK (rate > 0 AND rate <> 'NaN')
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
