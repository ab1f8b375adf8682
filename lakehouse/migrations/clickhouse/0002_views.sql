CREATE OR REPLACE VIEW portfolio_risk_latest AS
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

CREATE OR REPLACE VIEW var_breaches AS
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
