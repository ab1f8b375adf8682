"""Every batch job of the platform: the same spec runs from a DAG and as `tidemark run JOB`."""

from lakehouse.contracts.model import ContractError, Job

WEEKLY_MAX_AGE_H = 6 * 24
"""From one Saturday to the next are five trading days; the sixth is grace."""


def _training(
    model: str,
    doc: str,
    *,
    inputs: tuple[str, ...] = (),
    timeout_s: int = 3600,
) -> Job:
    """The weekly job that trains `model`. Checks generate what they learn from, and read what they have scored."""
    return Job(
        name=f"train_{model}",
        doc=doc,
        module=f"ml.training.{model}",
        owner="research",
        inputs=inputs,
        outputs=("ops.model_quality_v1",),
        pool="train",
        timeout_s=timeout_s,
        tier="tier_2",
        max_age_h=WEEKLY_MAX_AGE_H,
    )


SILVER_DAILY_BARS = Job(
    name="silver_daily_bars",
    doc="Type, de-duplicate and calendar-check daily bars; late bars are merged into their own year.",
    module="spark_jobs.silver_daily_bars",
    owner="market-data",
    inputs=("bronze.market_bars_daily_v1",),
    outputs=("silver.daily_bars_v1", "silver.rejected_rows_v1"),
)
SILVER_TICKS = Job(
    name="silver_ticks",
    doc="De-duplicate ticks and merge late ones by event date.",
    module="spark_jobs.silver_ticks",
    owner="market-data",
    inputs=("bronze.market_ticks_v1",),
    outputs=("silver.ticks_v1", "silver.rejected_rows_v1"),
)
BARS_1M = Job(
    name="bars_1m",
    doc="One-minute bars of the day's trades.",
    module="spark_jobs.bars_1m",
    owner="market-data",
    inputs=("silver.ticks_v1",),
    outputs=("gold.bars_1m_v1",),
)
QUALITY_DAILY = Job(
    name="quality_daily",
    doc="Look for defects in silver's daily bars and count rejected rows; warnings only, nothing is changed.",
    module="spark_jobs.quality_daily",
    owner="market-data",
    inputs=("silver.daily_bars_v1", "silver.rejected_rows_v1"),
    outputs=("ops.quality_finding",),
    pool="maintenance",
    tier="tier_3",
)
RETURNS_DAILY = Job(
    name="returns_daily",
    doc="Close-to-close returns of every instrument.",
    module="spark_jobs.returns_daily",
    owner="risk",
    inputs=("silver.daily_bars_v1",),
    outputs=("gold.returns_daily_v1",),
)
POSITIONS_DAILY = Job(
    name="positions_daily",
    doc="Copy what PostgreSQL says of holdings: positions once a business date, exchange rates as they now are.",
    module="spark_jobs.positions_daily",
    owner="portfolio",
    inputs=("app.position", "market.fx_rate"),
    outputs=("silver.positions_v1", "silver.fx_rates_v1"),
)
VAR_BATCH = Job(
    name="var_batch",
    doc="VaR and expected shortfall of every portfolio by every method: from what, and how well they were forecast.",
    module="spark_jobs.var_batch",
    owner="risk",
    inputs=(
        "silver.positions_v1",
        "silver.fx_rates_v1",
        "gold.returns_daily_v1",
        "silver.daily_bars_v1",
        "app.instrument",
    ),
    outputs=(
        "gold.portfolio_risk_v1",
        "gold.risk_unmeasured_v1",
        "gold.component_risk_v1",
        "gold.var_backtest_v1",
        "gold.var_backtest_tests_v1",
        "gold.scenario_pnl_v1",
        "gold.worst_scenarios_v1",
        "gold.portfolio_metrics_v1",
    ),
)
STRESS_EXPLAIN = Job(
    name="stress_explain",
    doc="What crises and shocks would do to every portfolio, and why it gained or lost since the close before.",
    module="spark_jobs.stress_explain",
    owner="risk",
    inputs=(
        "silver.positions_v1",
        "silver.fx_rates_v1",
        "gold.returns_daily_v1",
        "silver.daily_bars_v1",
        "app.transaction",
        "app.instrument",
        "market.fx_rate",
    ),
    outputs=("gold.stress_v1", "gold.pnl_explain_v1"),
)
REBALANCE_DAILY = Job(
    name="rebalance_daily",
    doc="Propose trades for every portfolio that is due, under its own policy.",
    module="spark_jobs.rebalance",
    owner="portfolio",
    inputs=(
        "silver.positions_v1",
        "silver.fx_rates_v1",
        "gold.returns_daily_v1",
        "app.rebalance_policy",
        "app.objective",
        "app.lot",
        "ledger.account",
    ),
    outputs=("gold.rebalance_proposals_v1", "gold.rebalance_trades_v1"),
)
DELIVER_PROPOSALS = Job(
    name="deliver_proposals",
    doc="Copy the day's proposals to PostgreSQL, where their owners see them, and say when each is due next.",
    module="spark_jobs.deliver_proposals",
    owner="portfolio",
    inputs=("gold.rebalance_proposals_v1", "gold.rebalance_trades_v1"),
    outputs=("app.proposal", "app.proposal_trade"),
)
ALLOCATE_PORTFOLIOS = Job(
    name="allocate_portfolios",
    doc="Propose trades at the newest closes for every portfolio that waits for weights, is due or overdue.",
    module="spark_jobs.allocate",
    owner="portfolio",
    inputs=(
        "gold.returns_daily_v1",
        "app.rebalance_policy",
        "app.objective",
        "app.position",
        "app.lot",
        "ledger.account",
        "market.fx_rate",
    ),
    outputs=("app.allocation", "app.proposal", "app.proposal_trade"),
)
STRATEGY_BACKTESTS = Job(
    name="strategy_backtests",
    doc="Backtest every configured strategy with all its trials, walk it forward, and log it to MLflow.",
    module="spark_jobs.strategy_backtests",
    owner="research",
    inputs=("silver.daily_bars_v1",),
    outputs=(
        "gold.strategy_runs_v1",
        "gold.strategy_equity_v1",
        "gold.strategy_trades_v1",
        "gold.strategy_relative_v1",
    ),
    timeout_s=7200,
    tier="tier_3",
    max_age_h=WEEKLY_MAX_AGE_H,
)
TRAIN_FORECAST = _training(
    "forecast",
    "Train the forecast of next-day returns on a pinned version, walk it forward, and register it as challenger.",
    inputs=("gold.returns_daily_v1",),
    timeout_s=7200,
)
TRAIN_REGIME = _training(
    "regime",
    "Train the model of market regimes on a pinned version, walk it forward, and register it as challenger.",
    inputs=("gold.returns_daily_v1",),
)
TRAIN_FRAUD = _training(
    "fraud",
    "Train payment fraud on generated payments, walk it forward beside its rules, and register it.",
    inputs=("app.payment",),
)
TRAIN_SURVEILLANCE = _training(
    "surveillance",
    "Train trade surveillance on generated orders, walk it forward beside its rules, and register it.",
    inputs=("trading.order",),
)
TRAIN_IDENTITY = _training(
    "identity",
    "Train the identity score on generated customers, walk it forward beside its rules, and register it.",
    inputs=("app.customer",),
)
PROMOTE_MODELS = Job(
    name="promote_models",
    doc="Put every challenger of the day to use that its gate accepts; what is refused is logged, the champion stays.",
    module="ml.registry.promote_job",
    owner="research",
    inputs=(),
    outputs=("ops.model_promotion",),
    pool="promotion",
    tier="tier_2",
    max_age_h=WEEKLY_MAX_AGE_H,
)
PUBLISH_MARTS = Job(
    name="publish_marts",
    doc="ClickHouse pulls the day's gold partitions at a pinned Delta version and swaps them in.",
    module="spark_jobs.publish_marts",
    owner="platform",
    inputs=(
        "gold.portfolio_risk_v1",
        "gold.risk_unmeasured_v1",
        "gold.component_risk_v1",
        "gold.var_backtest_v1",
        "gold.var_backtest_tests_v1",
        "gold.worst_scenarios_v1",
        "gold.portfolio_metrics_v1",
        "gold.stress_v1",
        "gold.pnl_explain_v1",
        "gold.returns_daily_v1",
        "gold.bars_1m_v1",
        "gold.rebalance_proposals_v1",
        "gold.rebalance_trades_v1",
        "gold.strategy_runs_v1",
        "gold.strategy_equity_v1",
        "gold.strategy_trades_v1",
        "gold.strategy_relative_v1",
    ),
    outputs=("ops.mart_load_v1",),
    pool="clickhouse",
)
COMPACT_BRONZE = Job(
    name="compact_bronze",
    doc="Compact and checkpoint the closed days of bronze with delta-rs, its only writer.",
    module="streaming.landing.maintenance",
    owner="platform",
    inputs=(
        "bronze.market_ticks_v1",
        "bronze.market_bars_daily_v1",
        "bronze.portfolio_events_v1",
        "bronze.order_events_v1",
        "bronze.trade_fills_v1",
        "bronze.risk_alerts_v1",
        "bronze.risk_rules_v1",
        "bronze.trading_signals_v1",
        "bronze.quarantine_v1",
    ),
    outputs=(),
    pool="maintenance",
    tier="tier_3",
)
OPTIMIZE_LAKE = Job(
    name="optimize_lake",
    doc="Compact silver and gold and drop files past their retention, with Spark, their only writer.",
    module="spark_jobs.optimize_lake",
    owner="platform",
    inputs=(),
    outputs=(),
    tier="tier_3",
)
DAILY_CLOSES = Job(
    name="daily_closes",
    doc="Publish silver's daily bars of known instruments to PostgreSQL: ten days back, and all the past of new ones.",
    module="lakehouse.cli.closes_job",
    owner="market-data",
    inputs=("silver.daily_bars_v1",),
    outputs=("market.bar",),
    pool="maintenance",
)
PORTFOLIO_VALUATIONS = Job(
    name="portfolio_valuations",
    doc="Value every portfolio at the closes of the last week, and of days that were missed; computed anew each time.",
    module="lakehouse.cli.valuations_job",
    owner="books",
    inputs=("app.transaction", "market.bar", "market.fx_rate"),
    outputs=("app.valuation",),
    pool="maintenance",
    timeout_s=7200,
)
BOOKS_RECOUNT = Job(
    name="books_recount",
    doc="Fold every transaction and add up every ledger entry again; a difference from what is stored fails it.",
    module="lakehouse.cli.recount_job",
    owner="books",
    inputs=("app.transaction", "app.lot", "app.lot_closure", "app.position", "ledger.account", "ledger.entry"),
    outputs=(),
    pool="maintenance",
)

ALERT_MONITOR = Job(
    name="alert_monitor",
    doc="Look at every alert rule by the newest prices; what the hot process has missed is told, and fails it.",
    module="lakehouse.cli.alerts_job",
    owner="risk",
    inputs=(
        "alerting.rule",
        "app.position",
        "app.lot",
        "app.transaction",
        "app.valuation",
        "ledger.account",
        "market.realtime_symbols",
        "market.bar",
        "market.fx_rate",
        "gold.portfolio_risk_v1",
    ),
    outputs=("alerting.verdict", "alerting.alert"),
    pool="maintenance",
    timeout_s=600,
)

JOBS: dict[str, Job] = {
    found.name: found
    for found in (
        SILVER_DAILY_BARS,
        SILVER_TICKS,
        BARS_1M,
        QUALITY_DAILY,
        RETURNS_DAILY,
        POSITIONS_DAILY,
        VAR_BATCH,
        STRESS_EXPLAIN,
        REBALANCE_DAILY,
        DELIVER_PROPOSALS,
        ALLOCATE_PORTFOLIOS,
        STRATEGY_BACKTESTS,
        TRAIN_FORECAST,
        TRAIN_REGIME,
        TRAIN_FRAUD,
        TRAIN_SURVEILLANCE,
        TRAIN_IDENTITY,
        PROMOTE_MODELS,
        PUBLISH_MARTS,
        COMPACT_BRONZE,
        OPTIMIZE_LAKE,
        DAILY_CLOSES,
        PORTFOLIO_VALUATIONS,
        BOOKS_RECOUNT,
        ALERT_MONITOR,
    )
}


def job(name: str) -> Job:
    """The spec called `name`. Raises ContractError that lists what exists."""
    try:
        return JOBS[name]
    except KeyError:
        raise ContractError(f"no job {name!r}; there are {', '.join(sorted(JOBS))}") from None
