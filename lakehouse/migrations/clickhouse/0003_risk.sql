CREATE OR REPLACE VIEW risk_change AS
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
