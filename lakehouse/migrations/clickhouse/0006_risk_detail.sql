CREATE TABLE IF NOT EXISTS `component_risk_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `method` String COMMENT 'as in gold.portfolio_risk_v1',
    `confidence` Decimal(6, 5) COMMENT 'as in gold.portfolio_risk_v1',
    `horizon_days` Int32 COMMENT 'trading days ahead (days)',
    `grouping` String COMMENT 'instrument, sector or currency',
    `group_name` String COMMENT 'symbol, sector (unclassified where unknown) or ISO 4217 code',
    `exposure_base` Decimal(20, 2) COMMENT 'quantity times close, summed; negative for a short (base currency)',
    `component_var_base` Decimal(20, 2) COMMENT 'part of the VaR; negative for a hedge (base currency)',
    `component_es_base` Decimal(20, 2) COMMENT 'part of the expected shortfall; negative for a hedge (base currency)',
    `marginal_var` Nullable(Float64) COMMENT 'change of VaR per unit more of the group; absent without exposure',
    `marginal_es` Nullable(Float64) COMMENT 'the same of the expected shortfall',
    `incremental_var_base` Nullable(Decimal(20, 2)) COMMENT 'what VaR would fall by without the group; absent for a book too large to measure so often (base currency)',
    `incremental_es_base` Nullable(Decimal(20, 2)) COMMENT 'the same of the expected shortfall (base currency)',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT component_risk_v1_check_1 CHECK grouping IN ('instrument', 'sector', 'currency')
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `method`, `confidence`, `horizon_days`, `grouping`, `group_name`)
COMMENT 'What VaR and ES come from. The components of a grouping sum to the portfolio\'s measure, to the cent. One row per business_date, portfolio, method, confidence, horizon, grouping, group.';

CREATE TABLE IF NOT EXISTS `var_backtest_tests_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `method` String COMMENT 'as in gold.portfolio_risk_v1',
    `confidence` Decimal(6, 5) COMMENT 'as in gold.portfolio_risk_v1',
    `forecasts` Int32 COMMENT 'days that had a forecast (days)',
    `breaches` Int32 COMMENT 'days whose loss exceeded it (days)',
    `expected_breaches` Float64 COMMENT 'of a right model (days)',
    `pof_statistic` Float64 COMMENT 'Kupiec\'s proportion of failures, likelihood ratio',
    `pof_p_value` Float64 COMMENT 'by chi-squared(1)',
    `first_breach_day` Int32 COMMENT 'number of the forecast day of the first breach, 0 without one (days)',
    `tuff_statistic` Float64 COMMENT 'Kupiec\'s time until first failure, likelihood ratio',
    `tuff_p_value` Float64 COMMENT 'by chi-squared(1)',
    `independence_statistic` Float64 COMMENT 'Christoffersen\'s independence of consecutive days, likelihood ratio',
    `independence_p_value` Float64 COMMENT 'by chi-squared(1)',
    `coverage_statistic` Float64 COMMENT 'Christoffersen\'s conditional coverage: pof and independence together',
    `coverage_p_value` Float64 COMMENT 'by chi-squared(2)',
    `zone` String COMMENT 'Basel\'s traffic light: green, yellow or red',
    `cumulative_probability` Float64 COMMENT 'of as many breaches or fewer from a right model',
    `multiplier` Float64 COMMENT 'of capital, 3 to 4',
    `z1` Nullable(Float64) COMMENT 'Acerbi-Szekely test 1: depth of breaches, 0 expected; absent without a breach',
    `z1_p_value` Nullable(Float64) COMMENT 'how often a right model does as badly',
    `z2` Nullable(Float64) COMMENT 'Acerbi-Szekely test 2: number and depth; absent where a shortfall is not positive',
    `z2_p_value` Nullable(Float64) COMMENT 'how often a right model does as badly',
    `null_model` String COMMENT 'what the records behind z1_p_value and z2_p_value are drawn from',
    `refit_days` Int32 COMMENT 'days that a forecast\'s model is kept: 1 is made anew every day (days)',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT var_backtest_tests_v1_check_1 CHECK zone IN ('green', 'yellow', 'red'),
    CONSTRAINT var_backtest_tests_v1_check_2 CHECK breaches <= forecasts,
    CONSTRAINT var_backtest_tests_v1_check_3 CHECK multiplier >= 3 AND multiplier <= 4
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `method`, `confidence`)
COMMENT 'Verdicts on the forecasts of gold.var_backtest_v1: on the number, the pattern and the depth of breaches. One row per business_date, portfolio, method, confidence.';

CREATE TABLE IF NOT EXISTS `worst_scenarios_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `factor_set` String COMMENT 'what moved the holdings: historical (past returns), monte_carlo_normal or monte_carlo_t_copula (drawn)',
    `horizon_days` Int32 COMMENT 'trading days ahead (days)',
    `place` Int32 COMMENT '1 is the worst',
    `scenario` Int32 COMMENT 'its number in gold.scenario_pnl_v1, from 0',
    `scenario_date` Nullable(Date32) COMMENT 'day whose returns it repeats; absent for a drawn one',
    `pnl_base` Decimal(20, 2) COMMENT 'negative for a loss (base currency)',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT worst_scenarios_v1_check_1 CHECK place > 0,
    CONSTRAINT worst_scenarios_v1_check_2 CHECK scenario >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `factor_set`, `horizon_days`, `place`)
COMMENT 'The scenarios that hurt each portfolio most, worst first. One row per business_date, portfolio, factor_set, horizon, place.';

CREATE TABLE IF NOT EXISTS `portfolio_metrics_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `value_base` Decimal(20, 2) COMMENT 'sum of quantity times close (base currency)',
    `gross_base` Decimal(20, 2) COMMENT 'the same with shorts counted by their size: what returns are fractions of (base currency)',
    `holdings` Int32 COMMENT 'instruments held',
    `observations` Int32 COMMENT 'daily returns used (days)',
    `first_date` Date32 COMMENT 'day of the oldest of them',
    `volatility` Float64 COMMENT 'standard deviation of a year\'s return (fraction)',
    `annual_return` Float64 COMMENT 'compound (fraction)',
    `sharpe` Nullable(Float64) COMMENT 'mean return over its deviation, a year; absent where nothing varies',
    `sortino` Nullable(Float64) COMMENT 'mean return over its downside deviation, a year; absent without a loss',
    `calmar` Nullable(Float64) COMMENT 'annual return over the deepest drawdown; absent without one',
    `max_drawdown` Float64 COMMENT 'deepest fall from the capital or a later peak (fraction)',
    `drawdown_trough_date` Nullable(Date32) COMMENT 'its lowest day; absent without one',
    `benchmark` Nullable(String) COMMENT 'what beta, tracking error and information ratio are against',
    `beta` Nullable(Float64) COMMENT 'to the benchmark; absent without one',
    `tracking_error` Nullable(Float64) COMMENT 'deviation of a year\'s return above the benchmark\'s (fraction)',
    `information_ratio` Nullable(Float64) COMMENT 'mean return above the benchmark\'s over its deviation, a year',
    `hhi` Float64 COMMENT 'Herfindahl-Hirschman index of gross shares, 1 / holdings to 1',
    `effective_holdings` Float64 COMMENT 'how many equal holdings would be as concentrated',
    `liquidation_days` Nullable(Float64) COMMENT 'days to sell everything; absent where a volume is unknown',
    `liquidation_days_mean` Nullable(Float64) COMMENT 'the same, mean by gross value',
    `convention` String COMMENT 'what the numbers rest on',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT portfolio_metrics_v1_check_1 CHECK volatility >= 0,
    CONSTRAINT portfolio_metrics_v1_check_2 CHECK max_drawdown >= 0,
    CONSTRAINT portfolio_metrics_v1_check_3 CHECK hhi > 0 AND hhi <= 1.000001,
    CONSTRAINT portfolio_metrics_v1_check_4 CHECK holdings > 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`)
COMMENT 'What today\'s holdings would have earned for what they risked, how concentrated they are, how fast they sell. One row per business_date, portfolio.';

CREATE TABLE IF NOT EXISTS `risk_unmeasured_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `method` String COMMENT 'as in gold.portfolio_risk_v1',
    `confidence` Decimal(6, 5) COMMENT 'as in gold.portfolio_risk_v1',
    `horizon_days` Int32 COMMENT 'trading days ahead (days)',
    `reason` String COMMENT 'why the method cannot measure the portfolio',
    `run_id` String COMMENT 'run manifest that recomputes this row'
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `method`, `confidence`, `horizon_days`)
COMMENT 'Which risk numbers are absent, and why. An absent number is no risk of zero. One row per business_date, portfolio, method, confidence, horizon.';

ALTER TABLE portfolio_risk_v1 COMMENT COLUMN `method` 'how the loss distribution is made: lakehouse.risk.methods.Method';

ALTER TABLE portfolio_risk_v1 COMMENT COLUMN `breaches` 'days of the backtest whose loss exceeded the VaR forecast the day before; 0 of 0 over longer horizons (days)';

CREATE OR REPLACE VIEW component_risk_latest AS
WITH (SELECT max(business_date) FROM component_risk_v1) AS latest_date
SELECT
    parts.business_date AS business_date,
    parts.portfolio_id AS portfolio_id,
    risk.portfolio_name AS portfolio_name,
    parts.base_currency AS base_currency,
    parts.method AS method,
    parts.confidence AS confidence,
    parts.horizon_days AS horizon_days,
    parts.grouping AS grouping,
    parts.group_name AS group_name,
    parts.exposure_base AS exposure_base,
    parts.component_var_base AS component_var_base,
    if(risk.var_base = 0, NULL, toFloat64(parts.component_var_base) / toFloat64(risk.var_base)) AS var_share,
    parts.component_es_base AS component_es_base,
    if(risk.es_base = 0, NULL, toFloat64(parts.component_es_base) / toFloat64(risk.es_base)) AS es_share,
    parts.marginal_var AS marginal_var,
    parts.marginal_es AS marginal_es,
    parts.incremental_var_base AS incremental_var_base,
    parts.incremental_es_base AS incremental_es_base,
    parts.run_id AS run_id
FROM component_risk_v1 AS parts
INNER JOIN portfolio_risk_v1 AS risk
    ON risk.business_date = parts.business_date
    AND risk.portfolio_id = parts.portfolio_id
    AND risk.method = parts.method
    AND risk.confidence = parts.confidence
    AND risk.horizon_days = parts.horizon_days
WHERE parts.business_date = latest_date
COMMENT 'Where the VaR and expected shortfall of every portfolio come from, on the newest business date: the components of one grouping sum to the measure. var_share and es_share are fractions of it, negative for a hedge. Filter by grouping, method and confidence before summing.';

CREATE OR REPLACE VIEW var_backtest_zones AS
WITH (SELECT max(business_date) FROM var_backtest_tests_v1) AS latest_date
SELECT
    tests.business_date AS business_date,
    tests.portfolio_id AS portfolio_id,
    tests.portfolio_name AS portfolio_name,
    tests.method AS method,
    tests.confidence AS confidence,
    tests.forecasts AS forecasts,
    tests.breaches AS breaches,
    tests.expected_breaches AS expected_breaches,
    tests.zone AS zone,
    tests.multiplier AS multiplier,
    tests.pof_p_value < 0.05 AS is_coverage_rejected,
    tests.independence_p_value < 0.05 AS is_independence_rejected,
    tests.z2_p_value < 0.05 AS is_shortfall_rejected,
    tests.pof_p_value AS pof_p_value,
    tests.independence_p_value AS independence_p_value,
    tests.coverage_p_value AS coverage_p_value,
    tests.z2_p_value AS z2_p_value,
    tests.run_id AS run_id
FROM var_backtest_tests_v1 AS tests
WHERE tests.business_date = latest_date
COMMENT 'How the one-day forecasts of every method have done, in the newest backtest: the Basel zone and its capital multiplier, and which tests reject the model at 5 %. A method that is green for one portfolio may be red for another. is_shortfall_rejected is NULL where the shortfall cannot be tested.';
