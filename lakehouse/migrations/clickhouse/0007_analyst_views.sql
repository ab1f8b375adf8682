CREATE OR REPLACE VIEW portfolio_risk_latest
(
    business_date Date32 COMMENT 'close that the risk is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    value_base Decimal(20, 2) COMMENT 'sum of quantity times close | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    var_base Decimal(20, 2) COMMENT 'value at risk, positive for a loss | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    es_base Decimal(20, 2) COMMENT 'expected shortfall, positive for a loss; never below var_base | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    var_share Nullable(Float64) COMMENT 'var_base over value_base; NULL where the value is 0 | unit: share | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    breaches Int32 COMMENT 'days of the backtest whose loss exceeded the VaR forecast the day before; 0 of 0 over longer horizons | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    backtest_days Int32 COMMENT 'days of the backtest | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    convention String COMMENT 'quantile and moment conventions behind the number | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    observations Int32 COMMENT 'daily returns used | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    scenarios Int32 COMMENT 'scenarios behind the quantile | unit: count | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    delta_version Nullable(Int64) COMMENT 'version of the Delta table that the rows were read from; NULL until the load is recorded | unit: number | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published',
    loaded_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the rows were loaded; NULL until the load is recorded | unit: instant (UTC) | currency: none | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH
    (SELECT max(business_date) FROM portfolio_risk_v1) AS latest_date,
    last_load AS
    (
        SELECT
            partition_value,
            toNullable(max(delta_version)) AS delta_version,
            toNullable(max(loaded_at)) AS loaded_at
        FROM mart_load_v1
        WHERE table_name = 'gold.portfolio_risk_v1'
        GROUP BY partition_value
    )
SELECT
    risk.business_date AS business_date,
    risk.portfolio_id AS portfolio_id,
    risk.portfolio_name AS portfolio_name,
    risk.base_currency AS base_currency,
    risk.method AS method,
    risk.confidence AS confidence,
    risk.horizon_days AS horizon_days,
    risk.value_base AS value_base,
    risk.var_base AS var_base,
    risk.es_base AS es_base,
    if(risk.value_base = 0, NULL, toFloat64(risk.var_base) / toFloat64(risk.value_base)) AS var_share,
    risk.breaches AS breaches,
    risk.backtest_days AS backtest_days,
    risk.convention AS convention,
    risk.observations AS observations,
    risk.scenarios AS scenarios,
    risk.run_id AS run_id,
    last_load.delta_version AS delta_version,
    last_load.loaded_at AS loaded_at
FROM portfolio_risk_v1 AS risk
LEFT JOIN last_load ON last_load.partition_value = toString(risk.business_date)
WHERE risk.business_date = latest_date
COMMENT 'VaR and expected shortfall of every portfolio on the newest business date: a positive number is a loss. var_share is var_base as a share of value_base; delta_version and loaded_at say where the rows came from, and are NULL until the load is recorded.';

CREATE OR REPLACE VIEW risk_history
(
    business_date Date32 COMMENT 'close that the risk is as of | unit: date | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    value_base Decimal(20, 2) COMMENT 'sum of quantity times close | unit: money | currency: base_currency | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_base Decimal(20, 2) COMMENT 'value at risk, positive for a loss | unit: money | currency: base_currency | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    es_base Decimal(20, 2) COMMENT 'expected shortfall, positive for a loss; never below var_base | unit: money | currency: base_currency | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_share Nullable(Float64) COMMENT 'var_base over value_base; NULL where the value is 0 | unit: share | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    breaches Int32 COMMENT 'days of the backtest whose loss exceeded the VaR forecast the day before; 0 of 0 over longer horizons | unit: days | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    backtest_days Int32 COMMENT 'days of the backtest | unit: days | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    convention String COMMENT 'quantile and moment conventions behind the number | unit: text | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    observations Int32 COMMENT 'daily returns used | unit: days | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    scenarios Int32 COMMENT 'scenarios behind the quantile | unit: count | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published'
)
AS
SELECT
    risk.business_date AS business_date,
    risk.portfolio_id AS portfolio_id,
    risk.portfolio_name AS portfolio_name,
    risk.base_currency AS base_currency,
    risk.method AS method,
    risk.confidence AS confidence,
    risk.horizon_days AS horizon_days,
    risk.value_base AS value_base,
    risk.var_base AS var_base,
    risk.es_base AS es_base,
    if(risk.value_base = 0, NULL, toFloat64(risk.var_base) / toFloat64(risk.value_base)) AS var_share,
    risk.breaches AS breaches,
    risk.backtest_days AS backtest_days,
    risk.convention AS convention,
    risk.observations AS observations,
    risk.scenarios AS scenarios,
    risk.run_id AS run_id
FROM portfolio_risk_v1 AS risk
COMMENT 'VaR and expected shortfall of every portfolio on every business date that was computed: a positive number is a loss. Filter by business_date, the partition.';

CREATE OR REPLACE VIEW risk_change
(
    business_date Date32 COMMENT 'newest business date | unit: date | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    previous_date Date32 COMMENT 'business date before it that has risk | unit: date | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    value_base Decimal(20, 2) COMMENT 'sum of quantity times close | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    value_change_base Decimal(38, 2) COMMENT 'value_base now less value_base on previous_date | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_base Decimal(20, 2) COMMENT 'value at risk, positive for a loss | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_change_base Decimal(38, 2) COMMENT 'var_base now less var_base on previous_date | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    es_base Decimal(20, 2) COMMENT 'expected shortfall, positive for a loss; never below var_base | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    es_change_base Decimal(38, 2) COMMENT 'es_base now less es_base on previous_date | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    breaches_change Int64 COMMENT 'breaches now less breaches on previous_date | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH
    (SELECT max(business_date) FROM portfolio_risk_v1) AS latest_date,
    (SELECT max(business_date) FROM portfolio_risk_v1 WHERE business_date < latest_date) AS date_before
SELECT
    now.business_date AS business_date,
    before.business_date AS previous_date,
    now.portfolio_id AS portfolio_id,
    now.portfolio_name AS portfolio_name,
    now.base_currency AS base_currency,
    now.method AS method,
    now.confidence AS confidence,
    now.horizon_days AS horizon_days,
    now.value_base AS value_base,
    now.value_base - before.value_base AS value_change_base,
    now.var_base AS var_base,
    now.var_base - before.var_base AS var_change_base,
    now.es_base AS es_base,
    now.es_base - before.es_base AS es_change_base,
    now.breaches - before.breaches AS breaches_change
FROM portfolio_risk_v1 AS now
INNER JOIN portfolio_risk_v1 AS before
    ON before.business_date = date_before
    AND before.portfolio_id = now.portfolio_id
    AND before.method = now.method
    AND before.confidence = now.confidence
    AND before.horizon_days = now.horizon_days
WHERE now.business_date = latest_date
COMMENT 'What changed in the risk of every portfolio since the business date before the newest one: the newest numbers, and their differences in base currency; positive is more value, or more risk. A portfolio, method or confidence that was not measured on both dates is absent.';

CREATE OR REPLACE VIEW var_forecasts
(
    business_date Date32 COMMENT 'close that the backtest is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    forecast_date Date32 COMMENT 'day that was forecast, with returns up to the day before it | unit: date | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_base Decimal(20, 2) COMMENT 'forecast, positive for a loss | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    pnl_base Decimal(20, 2) COMMENT 'hypothetical profit of today\'s holdings on forecast_date | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    is_breach Bool COMMENT 'the loss was greater than the forecast | unit: yes or no | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published'
)
AS
SELECT
    backtest.business_date AS business_date,
    backtest.portfolio_id AS portfolio_id,
    risk.portfolio_name AS portfolio_name,
    risk.base_currency AS base_currency,
    backtest.method AS method,
    backtest.confidence AS confidence,
    backtest.forecast_date AS forecast_date,
    backtest.var_base AS var_base,
    backtest.pnl_base AS pnl_base,
    backtest.is_breach AS is_breach,
    backtest.run_id AS run_id
FROM var_backtest_v1 AS backtest
INNER JOIN portfolio_risk_v1 AS risk
    ON risk.business_date = backtest.business_date
    AND risk.portfolio_id = backtest.portfolio_id
    AND risk.method = backtest.method
    AND risk.confidence = backtest.confidence
WHERE risk.horizon_days = 1
    AND backtest.business_date = (SELECT max(business_date) FROM var_backtest_v1)
COMMENT 'Every one-day VaR forecast of the newest backtest beside what then happened to today\'s holdings: what var_breaches is filtered from.';

CREATE OR REPLACE VIEW var_breaches
(
    business_date Date32 COMMENT 'close that the backtest is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    forecast_date Date32 COMMENT 'day that was forecast, with returns up to the day before it | unit: date | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_base Decimal(20, 2) COMMENT 'forecast, positive for a loss | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    pnl_base Decimal(20, 2) COMMENT 'hypothetical profit of today\'s holdings on forecast_date | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    excess_base Decimal(38, 2) COMMENT 'loss beyond the forecast, positive | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, forecast_date of a breach, in the newest backtest | source: gold.var_backtest_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published'
)
AS
SELECT
    backtest.business_date AS business_date,
    backtest.portfolio_id AS portfolio_id,
    risk.portfolio_name AS portfolio_name,
    risk.base_currency AS base_currency,
    backtest.method AS method,
    backtest.confidence AS confidence,
    backtest.forecast_date AS forecast_date,
    backtest.var_base AS var_base,
    backtest.pnl_base AS pnl_base,
    - backtest.pnl_base - backtest.var_base AS excess_base,
    backtest.run_id AS run_id
FROM var_backtest_v1 AS backtest
INNER JOIN portfolio_risk_v1 AS risk
    ON risk.business_date = backtest.business_date
    AND risk.portfolio_id = backtest.portfolio_id
    AND risk.method = backtest.method
    AND risk.confidence = backtest.confidence
WHERE backtest.is_breach
    AND risk.horizon_days = 1
    AND backtest.business_date = (SELECT max(business_date) FROM var_backtest_v1)
COMMENT 'Days on which a portfolio lost more than its one-day VaR forecast, in the newest backtest. excess_base is the loss beyond the forecast, always positive.';

CREATE OR REPLACE VIEW component_risk_latest
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    grouping String COMMENT 'instrument, sector or currency | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    group_name String COMMENT 'symbol, sector (unclassified where unknown) or ISO 4217 code | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    exposure_base Decimal(20, 2) COMMENT 'quantity times close, summed; negative for a short | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    component_var_base Decimal(20, 2) COMMENT 'part of the VaR; negative for a hedge | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    var_share Nullable(Float64) COMMENT 'component_var_base over the portfolio\'s VaR, negative for a hedge; NULL where that is 0 | unit: share | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    component_es_base Decimal(20, 2) COMMENT 'part of the expected shortfall; negative for a hedge | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    es_share Nullable(Float64) COMMENT 'component_es_base over the portfolio\'s expected shortfall, negative for a hedge; NULL where that is 0 | unit: share | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    marginal_var Nullable(Float64) COMMENT 'change of VaR per unit of base currency more of the group; NULL without exposure | unit: ratio | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    marginal_es Nullable(Float64) COMMENT 'change of the expected shortfall per unit of base currency more of the group; NULL without exposure | unit: ratio | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    incremental_var_base Nullable(Decimal(20, 2)) COMMENT 'what VaR would fall by without the group; absent for a book too large to measure so often | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    incremental_es_base Nullable(Decimal(20, 2)) COMMENT 'what the expected shortfall would fall by without the group; NULL for a book too large to measure so often | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published'
)
AS
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

CREATE OR REPLACE VIEW var_backtest_zones
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    forecasts Int32 COMMENT 'days that had a forecast | unit: days | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    breaches Int32 COMMENT 'days whose loss exceeded it | unit: days | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    expected_breaches Float64 COMMENT 'breaches that a right model would have | unit: days | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    zone String COMMENT 'Basel\'s traffic light: green, yellow or red | unit: text | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    multiplier Float64 COMMENT 'multiplier of capital, 3 to 4 | unit: ratio | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    is_coverage_rejected UInt8 COMMENT 'Kupiec\'s test says at 5 % that the number of breaches is wrong | unit: yes or no | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    is_independence_rejected UInt8 COMMENT 'Christoffersen\'s test says at 5 % that breaches come in clusters | unit: yes or no | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    is_shortfall_rejected Nullable(UInt8) COMMENT 'Acerbi and Szekely\'s second test says at 5 % that losses go deeper than the expected shortfall; NULL where it cannot be tested | unit: yes or no | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    pof_p_value Float64 COMMENT 'of Kupiec\'s proportion of failures | unit: probability | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    independence_p_value Float64 COMMENT 'of Christoffersen\'s independence | unit: probability | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    coverage_p_value Float64 COMMENT 'of Christoffersen\'s conditional coverage | unit: probability | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    z2_p_value Nullable(Float64) COMMENT 'how often a right model does as badly in Acerbi and Szekely\'s second test; NULL where it cannot be tested | unit: probability | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, in the newest backtest | source: gold.var_backtest_tests_v1 | refresh: when risk_daily of a business date is published'
)
AS
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

CREATE OR REPLACE VIEW worst_scenarios_latest
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    factor_set String COMMENT 'what moved the holdings: historical (past returns), monte_carlo_normal or monte_carlo_t_copula (drawn) | unit: text | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    place Int32 COMMENT '1 is the worst | unit: number | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    scenario Int32 COMMENT 'its number among the scenarios, from 0 | unit: number | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    scenario_date Nullable(Date32) COMMENT 'day whose returns it repeats; absent for a drawn one | unit: date | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    pnl_base Decimal(20, 2) COMMENT 'negative for a loss | unit: money | currency: base_currency | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, factor_set, horizon_days, place, on the newest business_date | source: gold.worst_scenarios_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH (SELECT max(business_date) FROM worst_scenarios_v1) AS latest_date
SELECT
    worst.business_date AS business_date,
    worst.portfolio_id AS portfolio_id,
    worst.base_currency AS base_currency,
    worst.factor_set AS factor_set,
    worst.horizon_days AS horizon_days,
    worst.place AS place,
    worst.scenario AS scenario,
    worst.scenario_date AS scenario_date,
    worst.pnl_base AS pnl_base,
    worst.run_id AS run_id
FROM worst_scenarios_v1 AS worst
WHERE worst.business_date = latest_date
COMMENT 'The scenarios that hurt each portfolio most on the newest business date, worst first: past days by their date, drawn ones by their number.';

CREATE OR REPLACE VIEW portfolio_metrics_latest
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    value_base Decimal(20, 2) COMMENT 'sum of quantity times close | unit: money | currency: base_currency | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    gross_base Decimal(20, 2) COMMENT 'value_base with shorts counted by their size: what returns are fractions of | unit: money | currency: base_currency | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    holdings Int32 COMMENT 'instruments held | unit: count | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    observations Int32 COMMENT 'daily returns used | unit: days | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    first_date Date32 COMMENT 'day of the oldest of them | unit: date | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    volatility Float64 COMMENT 'standard deviation of a year\'s return | unit: share | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    annual_return Float64 COMMENT 'compound return a year | unit: share | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    sharpe Nullable(Float64) COMMENT 'mean return over its deviation, a year; absent where nothing varies | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    sortino Nullable(Float64) COMMENT 'mean return over its downside deviation, a year; absent without a loss | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    calmar Nullable(Float64) COMMENT 'annual return over the deepest drawdown; absent without one | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    max_drawdown Float64 COMMENT 'deepest fall from the capital or a later peak | unit: share | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    drawdown_trough_date Nullable(Date32) COMMENT 'lowest day of the deepest drawdown; NULL without one | unit: date | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    benchmark Nullable(String) COMMENT 'what beta, tracking error and information ratio are against | unit: text | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    beta Nullable(Float64) COMMENT 'to the benchmark; absent without one | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    tracking_error Nullable(Float64) COMMENT 'deviation of a year\'s return above the benchmark\'s | unit: share | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    information_ratio Nullable(Float64) COMMENT 'mean return above the benchmark\'s over its deviation, a year | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    hhi Float64 COMMENT 'Herfindahl-Hirschman index of gross shares, 1 / holdings to 1 | unit: ratio | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    effective_holdings Float64 COMMENT 'how many equal holdings would be as concentrated | unit: count | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    liquidation_days Nullable(Float64) COMMENT 'days to sell everything; absent where a volume is unknown | unit: days | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    liquidation_days_mean Nullable(Float64) COMMENT 'days to sell everything, mean by gross value; NULL where a volume is unknown | unit: days | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    convention String COMMENT 'what the numbers rest on | unit: text | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH (SELECT max(business_date) FROM portfolio_metrics_v1) AS latest_date
SELECT
    metrics.business_date AS business_date,
    metrics.portfolio_id AS portfolio_id,
    metrics.portfolio_name AS portfolio_name,
    metrics.base_currency AS base_currency,
    metrics.value_base AS value_base,
    metrics.gross_base AS gross_base,
    metrics.holdings AS holdings,
    metrics.observations AS observations,
    metrics.first_date AS first_date,
    metrics.volatility AS volatility,
    metrics.annual_return AS annual_return,
    metrics.sharpe AS sharpe,
    metrics.sortino AS sortino,
    metrics.calmar AS calmar,
    metrics.max_drawdown AS max_drawdown,
    metrics.drawdown_trough_date AS drawdown_trough_date,
    metrics.benchmark AS benchmark,
    metrics.beta AS beta,
    metrics.tracking_error AS tracking_error,
    metrics.information_ratio AS information_ratio,
    metrics.hhi AS hhi,
    metrics.effective_holdings AS effective_holdings,
    metrics.liquidation_days AS liquidation_days,
    metrics.liquidation_days_mean AS liquidation_days_mean,
    metrics.convention AS convention,
    metrics.run_id AS run_id
FROM portfolio_metrics_v1 AS metrics
WHERE metrics.business_date = latest_date
COMMENT 'What today\'s holdings would have earned for what they risked, how concentrated they are and how fast they sell, on the newest business date.';

CREATE OR REPLACE VIEW risk_unmeasured_latest
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    method String COMMENT 'how the distribution of losses is made, as historical, parametric_normal or monte_carlo_normal | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    confidence Decimal(6, 5) COMMENT 'probability that the loss stays below the value at risk | unit: probability | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    horizon_days Int32 COMMENT 'trading days ahead | unit: days | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    reason String COMMENT 'why the method cannot measure the portfolio | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, method, confidence, horizon_days that has no number, on the newest business_date | source: gold.risk_unmeasured_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH (SELECT max(business_date) FROM portfolio_risk_v1) AS latest_date
SELECT
    missing.business_date AS business_date,
    missing.portfolio_id AS portfolio_id,
    missing.portfolio_name AS portfolio_name,
    missing.method AS method,
    missing.confidence AS confidence,
    missing.horizon_days AS horizon_days,
    missing.reason AS reason,
    missing.run_id AS run_id
FROM risk_unmeasured_v1 AS missing
WHERE missing.business_date = latest_date
COMMENT 'Which risk numbers are absent on the newest business date, and why. An absent number is no risk of zero.';

CREATE OR REPLACE VIEW returns_daily
(
    symbol String COMMENT 'instrument | unit: text | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    business_date Date32 COMMENT 'day that the return ends on | unit: date | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    previous_date Date32 COMMENT 'day of the bar before | unit: date | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    currency String COMMENT 'ISO 4217 code of close | unit: text | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    close Decimal(18, 8) COMMENT 'close of business_date | unit: money per unit | currency: currency | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    simple_return Float64 COMMENT 'close over the close of previous_date, less 1 | unit: share | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published',
    log_return Float64 COMMENT 'natural logarithm of close over the close of previous_date | unit: log ratio | currency: none | grain: symbol, business_date | source: gold.returns_daily_v1 | refresh: when market_daily of a business date is published'
)
AS
SELECT
    symbol,
    business_date,
    previous_date,
    currency,
    close,
    simple_return,
    log_return
FROM returns_daily_v1
COMMENT 'Close-to-close return of every instrument and day. The first bar of an instrument has none.';

CREATE OR REPLACE VIEW bars_1m
(
    event_date Date32 COMMENT 'UTC date of bar_start | unit: date | currency: none | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    symbol String COMMENT 'instrument | unit: text | currency: none | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    bar_start DateTime64(6, 'UTC') COMMENT 'first instant of the minute | unit: instant (UTC) | currency: none | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    open Float64 COMMENT 'first price by event time, then sequence | unit: money per unit | currency: of the prices | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    high Float64 COMMENT 'highest price | unit: money per unit | currency: of the prices | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    low Float64 COMMENT 'lowest price | unit: money per unit | currency: of the prices | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    close Float64 COMMENT 'last price by event time, then sequence | unit: money per unit | currency: of the prices | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    volume Float64 COMMENT 'units traded | unit: units | currency: none | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    vwap Nullable(Float64) COMMENT 'volume-weighted price; absent without volume | unit: money per unit | currency: of the prices | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published',
    trade_count Int64 COMMENT 'trades in the minute | unit: count | currency: none | grain: symbol, bar_start | source: gold.bars_1m_v1 | refresh: when market_daily of a business date is published'
)
AS
SELECT
    event_date,
    symbol,
    bar_start,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    trade_count
FROM bars_1m_v1
COMMENT 'One-minute bars of trades. A minute without a trade has no row. Filter by event_date, the partition.';

CREATE OR REPLACE VIEW proposals
(
    business_date Date32 COMMENT 'close that it is computed with | unit: date | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    status String COMMENT 'proposed (there are trades), within_bands, nothing_to_trade, kept (no solution) or refused (not computable) | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    reasons String COMMENT 'JSON: array of sentences: why it is as it is | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    regime String COMMENT 'bull, bear or sideways: the regime whose aim was used | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    objective String COMMENT 'what the weights were to achieve, as min_variance | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    value_base Decimal(20, 2) COMMENT 'cash and holdings before trading | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    cash_before_base Decimal(20, 2) COMMENT 'cash that nothing keeps back, before trading | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    cash_after_base Decimal(20, 2) COMMENT 'cash that nothing keeps back, after all trades and their costs; never negative unless it was before | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    drift_before Float64 COMMENT 'half the sum of |weight - target|, cash included | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    drift_after Float64 COMMENT 'half the sum of |weight - target| after the trades, cash included | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    turnover Float64 COMMENT 'value of all trades, buys and sales added | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    cost_base Decimal(20, 2) COMMENT 'estimated commission and half spread of all trades | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    tax_base Decimal(20, 2) COMMENT 'estimated tax on the gains that sales realise, losses set off | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    volatility_before Float64 COMMENT 'standard deviation of a year\'s return, cash included | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    volatility_after Float64 COMMENT 'standard deviation of a year\'s return after the trades, cash included | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    var_99_before Float64 COMMENT 'one-day value at risk at 99 % by history, positive for a loss | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    var_99_after Float64 COMMENT 'one-day value at risk at 99 % by history after the trades, positive for a loss | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    es_975_before Float64 COMMENT 'one-day expected shortfall at 97.5 % by history, positive for a loss | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    es_975_after Float64 COMMENT 'one-day expected shortfall at 97.5 % by history after the trades, positive for a loss | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    trade_count Int32 COMMENT 'trades | unit: count | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes it | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published'
)
AS
SELECT
    business_date,
    portfolio_id,
    portfolio_name,
    base_currency,
    status,
    reasons,
    regime,
    objective,
    value_base,
    cash_before_base,
    cash_after_base,
    drift_before,
    drift_after,
    turnover,
    cost_base,
    tax_base,
    volatility_before,
    volatility_after,
    var_99_before,
    var_99_after,
    es_975_before,
    es_975_after,
    trade_count,
    run_id
FROM rebalance_proposals_v1
COMMENT 'What to trade in every portfolio that was due, with its costs and what it changes in drift and risk: one line a portfolio and business date. The trades are in proposal_trades.';

CREATE OR REPLACE VIEW proposal_trades
(
    business_date Date32 COMMENT 'close that it is computed with | unit: date | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    line Int32 COMMENT 'place among the proposal\'s trades, from 0 | unit: number | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    symbol String COMMENT 'instrument | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    side String COMMENT 'buy or sell | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    quantity Decimal(28, 8) COMMENT 'whole units | unit: units | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    reference_price Decimal(18, 8) COMMENT 'close that everything is computed with | unit: money per unit | currency: base_currency | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    notional_base Decimal(20, 2) COMMENT 'quantity times reference price | unit: money | currency: base_currency | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    cost_base Decimal(20, 2) COMMENT 'estimated commission and half spread | unit: money | currency: base_currency | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    short_gain_base Decimal(20, 2) COMMENT 'gain that the sale realises on lots held for a year at most; negative for a loss | unit: money | currency: base_currency | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    long_gain_base Decimal(20, 2) COMMENT 'gain that the sale realises on lots held for more than a year; negative for a loss | unit: money | currency: base_currency | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    note String COMMENT 'what the owner should know, a wash sale for one; empty for nothing | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes it | unit: text | currency: none | grain: business_date, portfolio_id, line | source: gold.rebalance_trades_v1, gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published'
)
AS
SELECT
    trades.business_date AS business_date,
    trades.portfolio_id AS portfolio_id,
    proposals.portfolio_name AS portfolio_name,
    proposals.base_currency AS base_currency,
    trades.line AS line,
    trades.symbol AS symbol,
    trades.side AS side,
    trades.quantity AS quantity,
    trades.reference_price AS reference_price,
    trades.notional_base AS notional_base,
    trades.cost_base AS cost_base,
    trades.short_gain_base AS short_gain_base,
    trades.long_gain_base AS long_gain_base,
    trades.note AS note,
    trades.run_id AS run_id
FROM rebalance_trades_v1 AS trades
INNER JOIN rebalance_proposals_v1 AS proposals
    ON proposals.business_date = trades.business_date
    AND proposals.portfolio_id = trades.portfolio_id
COMMENT 'Every trade of every proposal, in whole units, with its cost and the gains that it realises.';

CREATE OR REPLACE VIEW strategies_latest
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    parameters String COMMENT 'JSON: parameters; for walk_forward the plan and what was chosen when | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    first_date Date32 COMMENT 'first day of the backtest | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    last_date Date32 COMMENT 'last day of the backtest | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    trials Int32 COMMENT 'variants of the strategy that were tried, this one included | unit: count | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    annual_return Float64 COMMENT 'compound return a year of 252 days | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    volatility Float64 COMMENT 'standard deviation of daily returns, a year\'s | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    sharpe Float64 COMMENT 'mean over standard deviation of daily returns above the cash rate, a year\'s | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    max_drawdown Float64 COMMENT 'deepest fall from the highest equity before, positive | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    deflated_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above what the best of `trials` shows by luck | unit: probability | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    overfitting Nullable(Float64) COMMENT 'how often the best in training is below the median in the test; absent alone | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    turnover Float64 COMMENT 'traded value a year, both sides, over average equity | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    survivorship String COMMENT 'how the instruments were chosen | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_runs_v1) AS latest_date
SELECT
    runs.business_date AS business_date,
    runs.strategy AS strategy,
    runs.kind AS kind,
    runs.parameters AS parameters,
    runs.first_date AS first_date,
    runs.last_date AS last_date,
    runs.trials AS trials,
    runs.annual_return AS annual_return,
    runs.volatility AS volatility,
    runs.sharpe AS sharpe,
    runs.max_drawdown AS max_drawdown,
    runs.deflated_sharpe AS deflated_sharpe,
    runs.overfitting AS overfitting,
    runs.turnover AS turnover,
    runs.survivorship AS survivorship,
    runs.run_id AS run_id
FROM strategy_runs_v1 AS runs
WHERE runs.business_date = latest_date AND runs.is_best
ORDER BY runs.kind DESC, runs.deflated_sharpe DESC
COMMENT 'The best trial and the walk-forward of every strategy on the newest business date. Believe walk_forward before trial, and no Sharpe ratio whose deflated_sharpe is below 0.95.';

CREATE OR REPLACE VIEW strategy_runs
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    trial Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward | unit: number | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    is_best Bool COMMENT 'highest Sharpe ratio of the strategy\'s trials; true for walk_forward | unit: yes or no | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    parameters String COMMENT 'JSON: parameters; for walk_forward the plan and what was chosen when | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    first_date Date32 COMMENT 'first day of the backtest | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    last_date Date32 COMMENT 'last day of the backtest | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    instruments Int32 COMMENT 'instruments that could be held | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    trials Int32 COMMENT 'variants of the strategy that were tried, this one included | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    total_return Float64 COMMENT 'equity at the end over the capital, less 1 | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    annual_return Float64 COMMENT 'compound return a year of 252 days | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    volatility Float64 COMMENT 'standard deviation of daily returns, a year\'s | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    sharpe Float64 COMMENT 'mean over standard deviation of daily returns above the cash rate, a year\'s | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    sortino Nullable(Float64) COMMENT 'mean over downside deviation, a year\'s; absent without a loss | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    calmar Nullable(Float64) COMMENT 'annual return over the deepest drawdown; absent without one | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    max_drawdown Float64 COMMENT 'deepest fall from the highest equity before, positive | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    probabilistic_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above 0 | unit: probability | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    deflated_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above what the best of `trials` shows by luck | unit: probability | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    overfitting Nullable(Float64) COMMENT 'how often the best in training is below the median in the test; absent alone | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    turnover Float64 COMMENT 'traded value a year, both sides, over average equity | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    costs_base Decimal(20, 2) COMMENT 'commissions; slippage is in the prices | unit: money | currency: of the prices | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    order_count Int64 COMMENT 'orders that were made | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    trade_count Int64 COMMENT 'fills | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    survivorship String COMMENT 'how the instruments were chosen | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_runs_v1) AS latest_date
SELECT
    runs.business_date AS business_date,
    runs.strategy AS strategy,
    runs.kind AS kind,
    runs.trial AS trial,
    runs.is_best AS is_best,
    runs.parameters AS parameters,
    runs.first_date AS first_date,
    runs.last_date AS last_date,
    runs.instruments AS instruments,
    runs.trials AS trials,
    runs.total_return AS total_return,
    runs.annual_return AS annual_return,
    runs.volatility AS volatility,
    runs.sharpe AS sharpe,
    runs.sortino AS sortino,
    runs.calmar AS calmar,
    runs.max_drawdown AS max_drawdown,
    runs.probabilistic_sharpe AS probabilistic_sharpe,
    runs.deflated_sharpe AS deflated_sharpe,
    runs.overfitting AS overfitting,
    runs.turnover AS turnover,
    runs.costs_base AS costs_base,
    runs.order_count AS order_count,
    runs.trade_count AS trade_count,
    runs.survivorship AS survivorship,
    runs.run_id AS run_id
FROM strategy_runs_v1 AS runs
WHERE runs.business_date = latest_date
COMMENT 'Every variant of every strategy that was tried on the newest business date, not only the best: what shows how much of a result is choice. Hypothetical money.';

CREATE OR REPLACE VIEW strategy_equity
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    trial Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward | unit: number | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    equity_date Date32 COMMENT 'close that the equity is of | unit: date | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    equity_base Decimal(20, 2) COMMENT 'cash and holdings at the close; negative where leverage lost more than everything | unit: money | currency: of the prices | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    cash_base Decimal(20, 2) COMMENT 'cash at the close; negative where borrowed | unit: money | currency: of the prices | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    drawdown Float64 COMMENT 'how far equity is below its highest value so far, positive | unit: share | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_equity_v1) AS latest_date
SELECT
    equity.business_date AS business_date,
    equity.strategy AS strategy,
    equity.kind AS kind,
    equity.trial AS trial,
    equity.equity_date AS equity_date,
    equity.equity_base AS equity_base,
    equity.cash_base AS cash_base,
    equity.drawdown AS drawdown,
    equity.run_id AS run_id
FROM strategy_equity_v1 AS equity
WHERE equity.business_date = latest_date
COMMENT 'Equity of each strategy\'s best trial and of its walk-forward, day by day, on the newest business date. Hypothetical money.';

CREATE OR REPLACE VIEW strategy_trades
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    trial Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward | unit: number | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    line Int64 COMMENT 'place in the order in which fills were made, from 0 | unit: number | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    trade_date Date32 COMMENT 'day of the fill, the one after the decision | unit: date | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    symbol String COMMENT 'instrument | unit: text | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    side String COMMENT 'buy or sell | unit: text | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    quantity Decimal(28, 8) COMMENT 'positive | unit: units | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    price Float64 COMMENT 'with slippage | unit: money per unit | currency: of the prices | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    notional Float64 COMMENT 'quantity times price | unit: money | currency: of the prices | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    fee_base Decimal(20, 2) COMMENT 'commission | unit: money | currency: of the prices | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    is_delisting Bool COMMENT 'closed because the instrument ended, at its last price | unit: yes or no | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, trial, line, on the newest business_date | source: gold.strategy_trades_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_trades_v1) AS latest_date
SELECT
    trades.business_date AS business_date,
    trades.strategy AS strategy,
    trades.kind AS kind,
    trades.trial AS trial,
    trades.line AS line,
    trades.trade_date AS trade_date,
    trades.symbol AS symbol,
    trades.side AS side,
    trades.quantity AS quantity,
    trades.price AS price,
    toFloat64(trades.quantity) * trades.price AS notional,
    trades.fee_base AS fee_base,
    trades.is_delisting AS is_delisting,
    trades.run_id AS run_id
FROM strategy_trades_v1 AS trades
WHERE trades.business_date = latest_date
COMMENT 'Fills behind strategy_equity. Hypothetical: nothing was sent to a market.';

CREATE OR REPLACE VIEW data_freshness
(
    table_name String COMMENT 'table as its contract names it | unit: text | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    newest_partition String COMMENT 'newest partition that was loaded, a business date or year as text | unit: text | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    partitions UInt64 COMMENT 'partitions that were loaded | unit: count | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    rows_loaded Int64 COMMENT 'rows of all partitions, each as last loaded | unit: rows | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    last_loaded_at DateTime64(6, 'UTC') COMMENT 'when anything of the table was last loaded | unit: instant (UTC) | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    age_hours Float64 COMMENT 'time since last_loaded_at, at the moment of the query | unit: hours | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication',
    newest_run_id String COMMENT 'run that loaded the newest partition last | unit: text | currency: none | grain: table_name | source: ops.mart_load_v1 | refresh: with every publication'
)
AS
WITH last_load AS
    (
        SELECT
            loads.table_name AS table_name,
            loads.partition_value AS partition_value,
            argMax(loads.row_count, (loads.delta_version, loads.loaded_at)) AS row_count,
            argMax(loads.run_id, (loads.delta_version, loads.loaded_at)) AS run_id,
            max(loads.loaded_at) AS loaded_at
        FROM mart_load_v1 AS loads
        GROUP BY table_name, partition_value
    )
SELECT
    last_load.table_name AS table_name,
    max(last_load.partition_value) AS newest_partition,
    count() AS partitions,
    sum(last_load.row_count) AS rows_loaded,
    max(last_load.loaded_at) AS last_loaded_at,
    dateDiff('second', last_loaded_at, now64(6, 'UTC')) / 3600 AS age_hours,
    argMax(last_load.run_id, last_load.partition_value) AS newest_run_id
FROM last_load
GROUP BY table_name
COMMENT 'How old every table of the marts is: the newest partition that was loaded, when, and how many rows the table should hold. A table that was never loaded has no row.';

CREATE OR REPLACE VIEW data_loads
(
    table_name String COMMENT 'table as its contract names it | unit: text | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    partition_value String COMMENT 'business date or year, as text | unit: text | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    delta_version Int64 COMMENT 'version of the Delta table that was read | unit: number | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    row_count Int64 COMMENT 'rows in the partition after the swap | unit: rows | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    content_hash String COMMENT 'order-independent hash of the partition, computed by ClickHouse | unit: text | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    run_id String COMMENT 'run that loaded it | unit: text | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication',
    loaded_at DateTime64(6, 'UTC') COMMENT 'when it was loaded | unit: instant (UTC) | currency: none | grain: table_name, partition_value, delta_version | source: ops.mart_load_v1 | refresh: with every publication'
)
AS
SELECT
    table_name,
    partition_value,
    delta_version,
    row_count,
    content_hash,
    run_id,
    loaded_at
FROM mart_load_v1
COMMENT 'Every load of a partition from Delta into ClickHouse, the older versions too: what makes an old answer explainable.';

CREATE OR REPLACE VIEW catalogue
(
    view_name String COMMENT 'view | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    position UInt64 COMMENT 'place of the column, from 1 | unit: number | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    column_name String COMMENT 'column | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    type String COMMENT 'type of the column | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    meaning String COMMENT 'what it says | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    unit String COMMENT 'what a number counts: money, share (1 is 100 %), days, units, rows, count; text, date, id and the like for the others | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    currency String COMMENT 'for money: the column that holds its ISO 4217 code, or `of the prices` where it is that of the instrument; none for others | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    grain String COMMENT 'what one row of the view is | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    source String COMMENT 'tables that the view reads | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration',
    refresh String COMMENT 'when its rows change | unit: text | currency: none | grain: view_name, column_name | source: system.columns | refresh: with every migration'
)
AS
SELECT
    columns.table AS view_name,
    columns.position AS position,
    columns.name AS column_name,
    columns.type AS type,
    splitByString(' | ', columns.comment)[1] AS meaning,
    extract(columns.comment, ' \\| unit: ([^|]+?)(?: \\||$)') AS unit,
    extract(columns.comment, ' \\| currency: ([^|]+?)(?: \\||$)') AS currency,
    extract(columns.comment, ' \\| grain: ([^|]+?)(?: \\||$)') AS grain,
    extract(columns.comment, ' \\| source: ([^|]+?)(?: \\||$)') AS source,
    extract(columns.comment, ' \\| refresh: ([^|]+?)(?: \\||$)') AS refresh
FROM system.columns AS columns
INNER JOIN system.tables AS tables ON tables.database = columns.database AND tables.name = columns.table
WHERE columns.database = currentDatabase() AND tables.engine = 'View'
COMMENT 'What every column of every view means, with unit, currency, grain, source and refresh: read from the columns\' own comments, so it cannot differ from them.';
