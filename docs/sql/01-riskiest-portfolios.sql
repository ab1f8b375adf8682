-- Question: Which portfolios could lose most tomorrow?
-- Answer: On 99 days of 100 the loss of the next day should stay below var_99; on the others it is es_99 on
--   average. One row a portfolio, the largest share of its value first.
-- Units: var_99 and es_99 are money in base_currency, positive for a loss; share_of_value is a share (0.01 is 1 %).
SELECT
    portfolio_name,
    base_currency,
    value_base,
    var_base AS var_99,
    es_base AS es_99,
    var_share AS share_of_value
FROM portfolio_risk_latest
WHERE method = 'historical' AND confidence = 0.99 AND horizon_days = 1
ORDER BY share_of_value DESC;
