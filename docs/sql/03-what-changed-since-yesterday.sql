-- Question: Whose risk changed most since the business date before?
-- Answer: Change of VaR beside change of value: VaR that rises while the value stands still is another market or
--   another mix, not more money.
-- Units: Amounts are money in base_currency; value_change and var_change are shares of what was there before.
SELECT
    portfolio_name,
    base_currency,
    previous_date,
    business_date,
    value_change_base,
    var_change_base,
    toFloat64(value_change_base) / toFloat64(value_base - value_change_base) AS value_change,
    toFloat64(var_change_base) / toFloat64(var_base - var_change_base) AS var_change
FROM risk_change
WHERE method = 'historical' AND confidence = 0.99 AND horizon_days = 1
ORDER BY abs(var_change) DESC;
