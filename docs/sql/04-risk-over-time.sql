-- Question: How has the risk of each portfolio moved from one business date to the next?
-- Answer: One row a portfolio and date: VaR as a share of the value, and its difference from the date before. The
--   first date has no difference.
-- Units: share_of_value and change are shares (0.001 is 0.1 % of the value).
SELECT
    portfolio_name,
    business_date,
    var_share AS share_of_value,
    var_share - lagInFrame(var_share) OVER by_date AS change
FROM risk_history
WHERE method = 'historical' AND confidence = 0.99 AND horizon_days = 1
WINDOW by_date AS (PARTITION BY portfolio_id ORDER BY business_date ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
ORDER BY portfolio_name, business_date;
