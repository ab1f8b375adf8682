"""Preferences, watchlists, terms of bonds and options, objectives of portfolios, and who brought a draft."""

from alembic import op

revision = "v0012_resources"
down_revision = "v0011_market"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE app.watchlist (
        id          uuid        NOT NULL,
        owner_id    uuid        NOT NULL,
        name        text        NOT NULL,
        description text        NOT NULL DEFAULT '',
        version     integer     NOT NULL DEFAULT 1,
        created_at  timestamptz NOT NULL DEFAULT now(),
        updated_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT watchlist_pkey PRIMARY KEY (id),
        CONSTRAINT watchlist_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT watchlist_name_unique UNIQUE (owner_id, name),
        CONSTRAINT watchlist_owned UNIQUE (id, owner_id),
        CONSTRAINT watchlist_text_length CHECK (length(name) BETWEEN 1 AND 200 AND length(description) <= 2000)
    )
    """,
    """
    CREATE TABLE app.watchlist_item (
        id           uuid           NOT NULL,
        watchlist_id uuid           NOT NULL,
        owner_id     uuid           NOT NULL,
        symbol       text           NOT NULL,
        target_price numeric(18, 8),
        note         text           NOT NULL DEFAULT '',
        version      integer        NOT NULL DEFAULT 1,
        created_at   timestamptz    NOT NULL DEFAULT now(),
        updated_at   timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT watchlist_item_pkey PRIMARY KEY (id),
        CONSTRAINT watchlist_item_list_fkey FOREIGN KEY (watchlist_id, owner_id)
            REFERENCES app.watchlist (id, owner_id) ON DELETE CASCADE,
        CONSTRAINT watchlist_item_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT watchlist_item_unique UNIQUE (watchlist_id, symbol),
        CONSTRAINT watchlist_item_target_positive CHECK (target_price > 0 AND target_price <> 'NaN'),
        CONSTRAINT watchlist_item_note_length CHECK (length(note) <= 2000)
    )
    """,
    "CREATE INDEX watchlist_item_owner_idx ON app.watchlist_item (owner_id, id)",
    "CREATE INDEX watchlist_item_symbol_idx ON app.watchlist_item (symbol)",
    """
    CREATE TABLE app.user_preference (
        id             uuid        NOT NULL,
        owner_id       uuid        NOT NULL,
        key            text        NOT NULL,
        theme          text        NOT NULL,
        base_currency  text        NOT NULL,
        locale         text        NOT NULL,
        timezone       text        NOT NULL,
        notify_fills   boolean     NOT NULL,
        notify_alerts  boolean     NOT NULL,
        notify_reports boolean     NOT NULL,
        version        integer     NOT NULL DEFAULT 1,
        created_at     timestamptz NOT NULL DEFAULT now(),
        updated_at     timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT user_preference_pkey PRIMARY KEY (id),
        CONSTRAINT user_preference_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT user_preference_currency_fkey FOREIGN KEY (base_currency) REFERENCES ledger.currency (code),
        CONSTRAINT user_preference_key_unique UNIQUE (owner_id, key),
        CONSTRAINT user_preference_key_shape CHECK (key ~ '^[a-z][a-z0-9-]{0,39}$'),
        CONSTRAINT user_preference_theme_known CHECK (theme IN ('system', 'light', 'dark'))
    )
    """,
    """
    CREATE TABLE app.bond (
        id                uuid           NOT NULL,
        symbol            text           NOT NULL,
        issuer            text           NOT NULL,
        isin              text,
        face_value        numeric(18, 8) NOT NULL,
        coupon_rate       numeric(9, 8)  NOT NULL,
        coupons_per_year  integer        NOT NULL,
        day_count         text           NOT NULL,
        issued_on         date           NOT NULL,
        matures_on        date           NOT NULL,
        is_callable       boolean        NOT NULL,
        version           integer        NOT NULL DEFAULT 1,
        created_at        timestamptz    NOT NULL DEFAULT now(),
        updated_at        timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT bond_pkey PRIMARY KEY (id),
        CONSTRAINT bond_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT bond_symbol_unique UNIQUE (symbol),
        CONSTRAINT bond_isin_unique UNIQUE (isin),
        CONSTRAINT bond_isin_shape CHECK (isin ~ '^[A-Z]{2}[A-Z0-9]{9}[0-9]$'),
        CONSTRAINT bond_face_positive CHECK (face_value > 0 AND face_value <> 'NaN'),
        CONSTRAINT bond_coupon_rate_range CHECK (coupon_rate BETWEEN 0 AND 1),
        CONSTRAINT bond_coupons_known CHECK (coupons_per_year IN (0, 1, 2, 4, 12)),
        CONSTRAINT bond_zero_coupon CHECK ((coupons_per_year = 0) = (coupon_rate = 0)),
        CONSTRAINT bond_day_count_known CHECK (day_count IN ('30/360', 'act/360', 'act/365', 'act/act')),
        CONSTRAINT bond_matures_after_issue CHECK (matures_on > issued_on)
    )
    """,
    """
    CREATE TABLE app.option_contract (
        id           uuid           NOT NULL,
        symbol       text           NOT NULL,
        underlying   text           NOT NULL,
        option_right text           NOT NULL,
        style        text           NOT NULL,
        strike       numeric(18, 8) NOT NULL,
        expires_on   date           NOT NULL,
        version      integer        NOT NULL DEFAULT 1,
        created_at   timestamptz    NOT NULL DEFAULT now(),
        updated_at   timestamptz    NOT NULL DEFAULT now(),
        CONSTRAINT option_contract_pkey PRIMARY KEY (id),
        CONSTRAINT option_instrument_fkey FOREIGN KEY (symbol) REFERENCES app.instrument (symbol),
        CONSTRAINT option_underlying_fkey FOREIGN KEY (underlying) REFERENCES app.instrument (symbol),
        CONSTRAINT option_symbol_unique UNIQUE (symbol),
        CONSTRAINT option_terms_unique UNIQUE (underlying, expires_on, option_right, strike, style),
        CONSTRAINT option_right_known CHECK (option_right IN ('call', 'put')),
        CONSTRAINT option_style_known CHECK (style IN ('american', 'european')),
        CONSTRAINT option_strike_positive CHECK (strike > 0 AND strike <> 'NaN'),
        CONSTRAINT option_not_on_itself CHECK (underlying <> symbol)
    )
    """,
    """
    CREATE TABLE app.objective (
        id                    uuid          NOT NULL,
        owner_id              uuid          NOT NULL,
        portfolio_id          uuid          NOT NULL,
        risk_tolerance        text          NOT NULL,
        horizon_years         integer       NOT NULL,
        target_return         numeric(9, 8),
        max_volatility        numeric(9, 8),
        max_position_weight   numeric(9, 8),
        min_cash_weight       numeric(9, 8),
        excluded_symbols      jsonb         NOT NULL,
        rebalancing_frequency text          NOT NULL,
        rebalances_on         date          NOT NULL,
        allocation_status     text          NOT NULL DEFAULT 'pending',
        note                  text          NOT NULL DEFAULT '',
        version               integer       NOT NULL DEFAULT 1,
        created_at            timestamptz   NOT NULL DEFAULT now(),
        updated_at            timestamptz   NOT NULL DEFAULT now(),
        CONSTRAINT objective_pkey PRIMARY KEY (id),
        CONSTRAINT objective_owner_fkey FOREIGN KEY (owner_id) REFERENCES auth.app_user (id),
        CONSTRAINT objective_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT objective_portfolio_unique UNIQUE (portfolio_id),
        CONSTRAINT objective_risk_known CHECK (risk_tolerance IN ('conservative', 'moderate', 'aggressive')),
        CONSTRAINT objective_horizon_range CHECK (horizon_years BETWEEN 1 AND 60),
        CONSTRAINT objective_fractions CHECK (
            target_return BETWEEN 0 AND 1 AND max_volatility BETWEEN 0 AND 1
            AND max_position_weight BETWEEN 0 AND 1 AND min_cash_weight BETWEEN 0 AND 1
        ),
        CONSTRAINT objective_excluded_list CHECK (jsonb_typeof(excluded_symbols) = 'array'),
        CONSTRAINT objective_frequency_known CHECK (
            rebalancing_frequency IN ('monthly', 'quarterly', 'biannual', 'annual')
        ),
        CONSTRAINT objective_status_known CHECK (allocation_status IN ('pending', 'ready', 'failed')),
        CONSTRAINT objective_note_length CHECK (length(note) <= 2000)
    )
    """,
    "CREATE INDEX objective_owner_idx ON app.objective (owner_id, id)",
    "CREATE INDEX objective_waiting_idx ON app.objective (id) WHERE allocation_status = 'pending'",
    "CREATE INDEX objective_due_idx ON app.objective (rebalances_on)",
    """
    ALTER TABLE app.instrument
        ADD COLUMN created_by uuid,
        ADD CONSTRAINT instrument_creator_fkey FOREIGN KEY (created_by) REFERENCES auth.app_user (id)
    """,
    "CREATE INDEX instrument_drafts_idx ON app.instrument (created_by) WHERE status = 'draft'",
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
