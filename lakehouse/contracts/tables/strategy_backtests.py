"""Backtests of strategies: what was tried, how it went day by day, and every trade. Hypothetical money."""

from lakehouse.contracts.model import Column, Engine, Table, Type
from lakehouse.contracts.tables.gold import BOTH, RUN_ID

SHARE = "share"


def _money(name: str, doc: str) -> Column:
    return Column(name, Type.DECIMAL, doc, unit="currency of the prices", precision=20, scale=2)


def _ratio(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, Type.FLOAT64, doc, nullable=nullable)


def _share(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, Type.FLOAT64, doc, nullable=nullable, unit=SHARE)


IDENTITY = (
    Column("business_date", Type.DATE, "last close that is used: the partition"),
    Column("strategy", Type.STRING, "strategy, as `tidemark backtest --list` names it"),
    Column("kind", Type.STRING, "trial (one set of parameters, all days) or walk_forward (chosen anew by the past)"),
    Column("trial", Type.INT32, "place in the grid of parameters, from 0; 0 for walk_forward"),
)
KINDS = "kind IN ('trial', 'walk_forward')"

STRATEGY_RUNS = Table(
    name="gold.strategy_runs_v1",
    doc="Every variant of every strategy that was tried, with what its result is worth after all trials.",
    grain="business_date, strategy, kind, trial",
    owner="research",
    columns=(
        *IDENTITY,
        Column("is_best", Type.BOOL, "highest Sharpe ratio of the strategy's trials; true for walk_forward"),
        Column("parameters", Type.STRING, "JSON: parameters; for walk_forward the plan and what was chosen when"),
        Column("first_date", Type.DATE, "first day of the backtest"),
        Column("last_date", Type.DATE, "last day of the backtest"),
        Column("instruments", Type.INT32, "instruments that could be held"),
        Column("trials", Type.INT32, "variants of the strategy that were tried, this one included"),
        _share("total_return", "equity at the end over the capital, less 1"),
        _share("annual_return", "compound return a year of 252 days"),
        _share("volatility", "standard deviation of daily returns, a year's"),
        _ratio("sharpe", "mean over standard deviation of daily returns above the cash rate, a year's"),
        _ratio("sortino", "mean over downside deviation, a year's; absent without a loss", nullable=True),
        _ratio("calmar", "annual return over the deepest drawdown; absent without one", nullable=True),
        _share("max_drawdown", "deepest fall from the highest equity before, positive"),
        _share("probabilistic_sharpe", "probability that the true Sharpe ratio is above 0"),
        _share("deflated_sharpe", "the same above what the best of `trials` shows by luck"),
        _share(
            "overfitting", "how often the best in training is below the median in the test; absent alone", nullable=True
        ),
        _ratio("turnover", "traded value a year, both sides, over average equity"),
        _money("costs_base", "commissions; slippage is in the prices"),
        Column("order_count", Type.INT64, "orders that were made"),
        Column("trade_count", Type.INT64, "fills"),
        Column("survivorship", Type.STRING, "how the instruments were chosen"),
        Column("evidence", Type.STRING, "what was proven against looking ahead, and that both gears agree"),
        Column("conventions", Type.STRING, "JSON: fills, costs and credit"),
        RUN_ID,
    ),
    key=("business_date", "strategy", "kind", "trial"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(KINDS, "trials > 0 AND trial >= 0", "deflated_sharpe <= probabilistic_sharpe", "last_date > first_date"),
)

STRATEGY_EQUITY = Table(
    name="gold.strategy_equity_v1",
    doc="Equity of each strategy's best trial and of its walk-forward, day by day.",
    grain="business_date, strategy, kind, trial, equity_date",
    owner="research",
    columns=(
        *IDENTITY,
        Column("equity_date", Type.DATE, "close that the equity is of"),
        _money("equity_base", "cash and holdings at the close; negative where leverage lost more than everything"),
        _money("cash_base", "cash at the close; negative where borrowed"),
        _share("drawdown", "how far equity is below its highest value so far, positive"),
        RUN_ID,
    ),
    key=("business_date", "strategy", "kind", "trial", "equity_date"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(KINDS, "equity_date <= business_date", "drawdown >= 0"),
)

STRATEGY_TRADES = Table(
    name="gold.strategy_trades_v1",
    doc="Fills behind gold.strategy_equity_v1.",
    grain="business_date, strategy, kind, trial, line",
    owner="research",
    columns=(
        *IDENTITY,
        Column("line", Type.INT64, "place in the order in which fills were made, from 0"),
        Column("trade_date", Type.DATE, "day of the fill, the one after the decision"),
        Column("symbol", Type.STRING, "instrument"),
        Column("side", Type.STRING, "buy or sell"),
        Column("quantity", Type.DECIMAL, "positive", unit="units", precision=28, scale=8),
        Column("price", Type.FLOAT64, "with slippage", unit="currency per unit"),
        _money("fee_base", "commission"),
        Column("is_delisting", Type.BOOL, "closed because the instrument ended, at its last price"),
        RUN_ID,
    ),
    key=("business_date", "strategy", "kind", "trial", "line"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(KINDS, "side IN ('buy', 'sell')", "quantity >= 0 AND price >= 0", "fee_base >= 0"),
)

STRATEGY_RELATIVE = Table(
    name="gold.strategy_relative_v1",
    doc="Every variant against its benchmark over the same days, whose equity gold.strategy_equity_v1 has day by day.",
    grain="business_date, strategy, kind, trial",
    owner="research",
    columns=(
        *IDENTITY,
        Column(
            "benchmark",
            Type.STRING,
            "strategy that it is compared with: a trial with its best trial, a walk-forward with its own",
        ),
        _share("benchmark_return", "compound return of the benchmark a year of 252 days"),
        _share("excess_return", "annual return less benchmark_return"),
        _ratio("beta", "covariance with the benchmark's daily returns over their variance", nullable=True),
        _share("alpha", "mean return above cash less beta times the benchmark's, a year's", nullable=True),
        _share("tracking_error", "standard deviation of daily returns above the benchmark's, a year's", nullable=True),
        _ratio(
            "information_ratio",
            "mean daily return above the benchmark's over its standard deviation, a year's; "
            "absent where the two never differ",
            nullable=True,
        ),
        RUN_ID,
    ),
    key=("business_date", "strategy", "kind", "trial"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=(KINDS, "trial >= 0", "strategy <> benchmark", "tracking_error IS NULL OR tracking_error >= 0"),
)

TABLES = (STRATEGY_RUNS, STRATEGY_EQUITY, STRATEGY_TRADES, STRATEGY_RELATIVE)
