-- Question: How much do the methods disagree about the same portfolio?
-- Answer: The least and the greatest one-day VaR at 99 % of all methods, and their distance over the least. A wide
--   distance says that the answer depends on the assumption about the tail more than on the portfolio.
-- Units: least_var and greatest_var are money in base_currency; spread is a share (0.5: the greatest is half as
--   much again).
SELECT
    portfolio_name,
    base_currency,
    argMin(method, var_base) AS mildest_method,
    min(var_base) AS least_var,
    argMax(method, var_base) AS harshest_method,
    max(var_base) AS greatest_var,
    toFloat64(greatest_var) / toFloat64(least_var) - 1 AS spread
FROM portfolio_risk_latest
WHERE confidence = 0.99 AND horizon_days = 1
GROUP BY portfolio_name, base_currency
ORDER BY spread DESC;
