-- Question: Which holdings does the risk of each portfolio come from?
-- Answer: The components of VaR by instrument: they sum to the portfolio's VaR. A share of VaR above the share of
--   exposure marks a holding that brings more risk than money; below 0 it is a hedge.
-- Units: exposure_base and component_var_base are money in base_currency; share_of_var and share_of_exposure are
--   shares.
SELECT
    portfolio_name,
    base_currency,
    group_name AS symbol,
    exposure_base,
    component_var_base,
    var_share AS share_of_var,
    toFloat64(exposure_base) / sum(toFloat64(abs(exposure_base))) OVER (PARTITION BY portfolio_id) AS share_of_exposure
FROM component_risk_latest
WHERE grouping = 'instrument' AND method = 'historical' AND confidence = 0.99 AND horizon_days = 1
ORDER BY portfolio_name, component_var_base DESC;
