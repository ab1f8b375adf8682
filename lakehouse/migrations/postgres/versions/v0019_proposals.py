"""Rebalancing: policies, and the proposals made under them."""

from alembic import op

revision = "v0019_proposals"
down_revision = "v0018_conversions"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE app.rebalance_policy (
        portfolio_id uuid        NOT NULL,
        is_enabled   boolean     NOT NULL,
        frequency    text        NOT NULL,
        anchor_on    date        NOT NULL,
        next_on      date        NOT NULL,
        proposed_on  date,
        document     jsonb       NOT NULL,
        version      integer     NOT NULL DEFAULT 1,
        created_at   timestamptz NOT NULL DEFAULT now(),
        updated_at   timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT rebalance_policy_pkey PRIMARY KEY (portfolio_id),
        CONSTRAINT rebalance_policy_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT rebalance_policy_frequency_known CHECK (
            frequency IN ('daily', 'weekly', 'monthly', 'quarterly', 'biannual', 'annual')
        ),
        CONSTRAINT rebalance_policy_next_not_before_anchor CHECK (next_on >= anchor_on),
        CONSTRAINT rebalance_policy_document_object CHECK (jsonb_typeof(document) = 'object')
    )
    """,
    "CREATE INDEX rebalance_policy_due_idx ON app.rebalance_policy (next_on) WHERE is_enabled",
    """
    CREATE TABLE app.proposal (
        id                uuid             NOT NULL,
        portfolio_id      uuid             NOT NULL,
        business_date     date             NOT NULL,
        base_currency     text             NOT NULL,
        state             text             NOT NULL,
        status            text             NOT NULL,
        reasons           jsonb            NOT NULL,
        regime            text             NOT NULL,
        regime_source     text             NOT NULL,
        objective         text             NOT NULL,
        value_base        numeric(20, 2)   NOT NULL,
        cash_before_base  numeric(20, 2)   NOT NULL,
        cash_after_base   numeric(20, 2)   NOT NULL,
        drift_before      double precision NOT NULL,
        drift_after       double precision NOT NULL,
        turnover          double precision NOT NULL,
        cost_base         numeric(20, 2)   NOT NULL,
        tax_base          numeric(20, 2)   NOT NULL,
        volatility_before double precision NOT NULL,
        volatility_after  double precision NOT NULL,
        var_99_before     double precision NOT NULL,
        var_99_after      double precision NOT NULL,
        es_975_before     double precision NOT NULL,
        es_975_after      double precision NOT NULL,
        trade_count       integer          NOT NULL,
        lots_method       text             NOT NULL,
        solver            text             NOT NULL,
        conventions       text             NOT NULL,
        weights           jsonb            NOT NULL,
        versions          jsonb            NOT NULL,
        run_id            text             NOT NULL,
        created_at        timestamptz      NOT NULL,
        CONSTRAINT proposal_pkey PRIMARY KEY (id),
        CONSTRAINT proposal_portfolio_fkey FOREIGN KEY (portfolio_id)
            REFERENCES app.portfolio (id) ON DELETE CASCADE,
        CONSTRAINT proposal_one_a_day UNIQUE (portfolio_id, business_date),
        CONSTRAINT proposal_state_known CHECK (state IN ('open', 'superseded')),
        CONSTRAINT proposal_status_known CHECK (
            status IN ('proposed', 'within_bands', 'nothing_to_trade', 'kept', 'refused')
        ),
        CONSTRAINT proposal_trades_only_when_proposed CHECK ((status = 'proposed') = (trade_count > 0)),
        CONSTRAINT proposal_cash_not_negative CHECK (cash_after_base >= 0 OR cash_after_base = cash_before_base),
        CONSTRAINT proposal_cost_not_negative CHECK (cost_base >= 0 AND tax_base >= 0 AND turnover >= 0)
    )
    """,
    """
    CREATE UNIQUE INDEX proposal_one_open ON app.proposal (portfolio_id) WHERE state = 'open'
    """,
    """
    CREATE TABLE app.proposal_trade (
        proposal_id     uuid           NOT NULL,
        line            integer        NOT NULL,
        symbol          text           NOT NULL,
        side            text           NOT NULL,
        quantity        numeric(28, 8) NOT NULL,
        reference_price numeric(18, 8) NOT NULL,
        notional_base   numeric(20, 2) NOT NULL,
        cost_base       numeric(20, 2) NOT NULL,
        short_gain_base numeric(20, 2) NOT NULL,
        long_gain_base  numeric(20, 2) NOT NULL,
        lots            jsonb          NOT NULL,
        note            text           NOT NULL,
        CONSTRAINT proposal_trade_pkey PRIMARY KEY (proposal_id, line),
        CONSTRAINT proposal_trade_proposal_fkey FOREIGN KEY (proposal_id)
            REFERENCES app.proposal (id) ON DELETE CASCADE,
        CONSTRAINT proposal_trade_side_known CHECK (side IN ('buy', 'sell')),
        CONSTRAINT proposal_trade_whole_units CHECK (quantity > 0 AND quantity = trunc(quantity)),
        CONSTRAINT proposal_trade_symbol_once UNIQUE (proposal_id, symbol)
    )
    """,
)


def upgrade() -> None:
    """Run the statements of this step."""
    for statement in STATEMENTS:
        op.execute(statement)
