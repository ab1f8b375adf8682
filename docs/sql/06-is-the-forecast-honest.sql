-- Question: Does each method break its forecast as often as it says?
-- Answer: Breaches beside what a right model would have: days x (1 - confidence). Far more says that risk is
--   understated, far fewer that it is overstated; var_backtest_zones has the tests that judge the difference.
-- Units: days, breaches and expected are days; rate is a share of the days.
SELECT
    portfolio_name,
    method,
    confidence,
    count() AS days,
    countIf(is_breach) AS breaches,
    days * (1 - toFloat64(confidence)) AS expected,
    breaches / days AS rate
FROM var_forecasts
GROUP BY portfolio_name, method, confidence
ORDER BY portfolio_name, method, confidence;
