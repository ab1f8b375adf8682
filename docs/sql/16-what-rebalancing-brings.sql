-- Question: What would today's proposals cost, and what do they change?
-- Answer: Only portfolios with trades, of the newest business date. cost_bps is what is paid for the change;
--   var_change below 0 is less risk.
-- Units: cost_base and tax_base are money in base_currency; cost_bps is basis points of the value (100 are 1 %);
--   turnover, drift and var_change are shares.
SELECT
    portfolio_name,
    base_currency,
    trade_count,
    turnover,
    drift_before,
    drift_after,
    cost_base,
    tax_base,
    toFloat64(cost_base) / toFloat64(value_base) * 10000 AS cost_bps,
    var_99_after - var_99_before AS var_change
FROM proposals
WHERE business_date = (SELECT max(business_date) FROM proposals) AND status = 'proposed'
ORDER BY cost_bps DESC;
