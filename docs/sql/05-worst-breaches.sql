-- Question: On which days was a loss greater than the forecast of the day before, and by how much?
-- Answer: The five days that went furthest beyond the 99 % forecast, measured by the forecast itself, so that
--   portfolios compare.
-- Units: Amounts are money in base_currency; times_forecast is a ratio (2: the loss was twice the VaR).
SELECT
    portfolio_name,
    base_currency,
    forecast_date,
    method,
    var_base,
    -pnl_base AS loss_base,
    excess_base,
    toFloat64(loss_base) / toFloat64(var_base) AS times_forecast
FROM var_breaches
WHERE confidence = 0.99
ORDER BY times_forecast DESC, portfolio_name, method
LIMIT 5;
