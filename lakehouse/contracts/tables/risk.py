"""Gold: where risk comes from, how its forecasts did, and the scenarios behind it. Beside gold.portfolio_risk_v1."""

from lakehouse.contracts.model import Column, Engine, Table, Type
from lakehouse.contracts.tables.gold import BOTH, RUN_ID, WORTH, base_money

FRACTION = "fraction"


def _number(name: str, doc: str, *, nullable: bool = False, unit: str = "") -> Column:
    return Column(name, Type.FLOAT64, doc, nullable=nullable, unit=unit)


DAY = Column("business_date", Type.DATE, "close that it is as of: the partition")
PORTFOLIO = Column("portfolio_id", Type.UUID, "portfolio")
NAME = Column("portfolio_name", Type.STRING, "its name")
CURRENCY = Column("base_currency", Type.STRING, "ISO 4217 code of the amounts")
METHOD = Column("method", Type.STRING, "as in gold.portfolio_risk_v1")
CONFIDENCE = Column("confidence", Type.DECIMAL, "as in gold.portfolio_risk_v1", precision=6, scale=5)
HORIZON = Column("horizon_days", Type.INT32, "trading days ahead", unit="days")
FACTOR_SET = Column(
    "factor_set",
    Type.STRING,
    "what moved the holdings: historical (past returns), monte_carlo_normal or monte_carlo_t_copula (drawn)",
)

COMPONENT_RISK = Table(
    name="gold.component_risk_v1",
    doc="What VaR and ES come from. The components of a grouping sum to the portfolio's measure, to the cent.",
    grain="business_date, portfolio, method, confidence, horizon, grouping, group",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        CURRENCY,
        METHOD,
        CONFIDENCE,
        HORIZON,
        Column("grouping", Type.STRING, "instrument, sector or currency"),
        Column("group_name", Type.STRING, "symbol, sector (unclassified where unknown) or ISO 4217 code"),
        base_money("exposure_base", f"{WORTH}, summed; negative for a short"),
        base_money("component_var_base", "part of the VaR; negative for a hedge"),
        base_money("component_es_base", "part of the expected shortfall; negative for a hedge"),
        _number("marginal_var", "change of VaR per unit more of the group; absent without exposure", nullable=True),
        _number("marginal_es", "the same of the expected shortfall", nullable=True),
        base_money(
            "incremental_var_base",
            "what VaR would fall by without the group; absent for a book too large to measure so often",
            nullable=True,
        ),
        base_money("incremental_es_base", "the same of the expected shortfall", nullable=True),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "method", "confidence", "horizon_days", "grouping", "group_name"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("grouping IN ('instrument', 'sector', 'currency')",),
)

BACKTEST_TESTS = Table(
    name="gold.var_backtest_tests_v1",
    doc="Verdicts on the forecasts of gold.var_backtest_v1: on the number, the pattern and the depth of breaches.",
    grain="business_date, portfolio, method, confidence",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        NAME,
        METHOD,
        CONFIDENCE,
        Column("forecasts", Type.INT32, "days that had a forecast", unit="days"),
        Column("breaches", Type.INT32, "days whose loss exceeded it", unit="days"),
        _number("expected_breaches", "of a right model", unit="days"),
        _number("pof_statistic", "Kupiec's proportion of failures, likelihood ratio"),
        _number("pof_p_value", "by chi-squared(1)"),
        Column(
            "first_breach_day", Type.INT32, "number of the forecast day of the first breach, 0 without one", unit="days"
        ),
        _number("tuff_statistic", "Kupiec's time until first failure, likelihood ratio"),
        _number("tuff_p_value", "by chi-squared(1)"),
        _number("independence_statistic", "Christoffersen's independence of consecutive days, likelihood ratio"),
        _number("independence_p_value", "by chi-squared(1)"),
        _number("coverage_statistic", "Christoffersen's conditional coverage: pof and independence together"),
        _number("coverage_p_value", "by chi-squared(2)"),
        Column("zone", Type.STRING, "Basel's traffic light: green, yellow or red"),
        _number("cumulative_probability", "of as many breaches or fewer from a right model"),
        _number("multiplier", "of capital, 3 to 4"),
        _number("z1", "Acerbi-Szekely test 1: depth of breaches, 0 expected; absent without a breach", nullable=True),
        _number("z1_p_value", "how often a right model does as badly", nullable=True),
        _number(
            "z2", "Acerbi-Szekely test 2: number and depth; absent where a shortfall is not positive", nullable=True
        ),
        _number("z2_p_value", "how often a right model does as badly", nullable=True),
        Column("null_model", Type.STRING, "what the records behind z1_p_value and z2_p_value are drawn from"),
        Column("refit_days", Type.INT32, "days that a forecast's model is kept: 1 is made anew every day", unit="days"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "method", "confidence"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("zone IN ('green', 'yellow', 'red')", "breaches <= forecasts", "multiplier >= 3 AND multiplier <= 4"),
)

SCENARIO_PNL = Table(
    name="gold.scenario_pnl_v1",
    doc="P&L of every portfolio in every scenario. Totals are sums of vectors of one factor set; quantiles come last.",
    grain="business_date, portfolio, factor_set, horizon",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        CURRENCY,
        FACTOR_SET,
        HORIZON,
        Column("seed", Type.INT64, "of the draws; absent where nothing is drawn", nullable=True),
        Column("stream", Type.INT64, "of the draws; absent where nothing is drawn", nullable=True),
        Column("block_rows", Type.INT32, "scenarios a block of the draws", nullable=True),
        Column("scenarios", Type.INT32, "numbers in the vector; of history, oldest first"),
        RUN_ID,
        Column("pnl_vector", Type.BINARY, "float64 little-endian, negative for a loss", unit="base currency"),
    ),
    key=("business_date", "portfolio_id", "factor_set", "horizon_days"),
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("length(pnl_vector) = scenarios * 8",),
    stats_columns=("portfolio_id", "factor_set"),
)

WORST_SCENARIOS = Table(
    name="gold.worst_scenarios_v1",
    doc="The scenarios that hurt each portfolio most, worst first.",
    grain="business_date, portfolio, factor_set, horizon, place",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        CURRENCY,
        FACTOR_SET,
        HORIZON,
        Column("place", Type.INT32, "1 is the worst"),
        Column("scenario", Type.INT32, "its number in gold.scenario_pnl_v1, from 0"),
        Column("scenario_date", Type.DATE, "day whose returns it repeats; absent for a drawn one", nullable=True),
        base_money("pnl_base", "negative for a loss"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "factor_set", "horizon_days", "place"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("place > 0", "scenario >= 0"),
)

PORTFOLIO_METRICS = Table(
    name="gold.portfolio_metrics_v1",
    doc="What today's holdings would have earned for what they risked, how concentrated they are, how fast they sell.",
    grain="business_date, portfolio",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        NAME,
        CURRENCY,
        base_money("value_base", f"sum of {WORTH}"),
        base_money("gross_base", "the same with shorts counted by their size: what returns are fractions of"),
        Column("holdings", Type.INT32, "instruments held"),
        Column("observations", Type.INT32, "daily returns used", unit="days"),
        Column("first_date", Type.DATE, "day of the oldest of them"),
        _number("volatility", "standard deviation of a year's return", unit=FRACTION),
        _number("annual_return", "compound", unit=FRACTION),
        _number("sharpe", "mean return over its deviation, a year; absent where nothing varies", nullable=True),
        _number("sortino", "mean return over its downside deviation, a year; absent without a loss", nullable=True),
        _number("calmar", "annual return over the deepest drawdown; absent without one", nullable=True),
        _number("max_drawdown", "deepest fall from the capital or a later peak", unit=FRACTION),
        Column("drawdown_trough_date", Type.DATE, "its lowest day; absent without one", nullable=True),
        Column("benchmark", Type.STRING, "what beta, tracking error and information ratio are against", nullable=True),
        _number("beta", "to the benchmark; absent without one", nullable=True),
        _number("tracking_error", "deviation of a year's return above the benchmark's", nullable=True, unit=FRACTION),
        _number("information_ratio", "mean return above the benchmark's over its deviation, a year", nullable=True),
        _number("hhi", "Herfindahl-Hirschman index of gross shares, 1 / holdings to 1"),
        _number("effective_holdings", "how many equal holdings would be as concentrated"),
        _number("liquidation_days", "days to sell everything; absent where a volume is unknown", nullable=True),
        _number("liquidation_days_mean", "the same, mean by gross value", nullable=True),
        Column("convention", Type.STRING, "what the numbers rest on"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("volatility >= 0", "max_drawdown >= 0", "hhi > 0 AND hhi <= 1.000001", "holdings > 0"),
)

UNMEASURED = Table(
    name="gold.risk_unmeasured_v1",
    doc="Which risk numbers are absent, and why. An absent number is no risk of zero.",
    grain="business_date, portfolio, method, confidence, horizon",
    owner="risk",
    columns=(
        DAY,
        PORTFOLIO,
        NAME,
        METHOD,
        CONFIDENCE,
        HORIZON,
        Column("reason", Type.STRING, "why the method cannot measure the portfolio"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "method", "confidence", "horizon_days"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
)

TABLES = (COMPONENT_RISK, BACKTEST_TESTS, SCENARIO_PNL, WORST_SCENARIOS, PORTFOLIO_METRICS, UNMEASURED)
