-- Question: What did every instrument return, month by month?
-- Answer: Daily returns are compounded by adding their logarithms. A month at the edge of the history is shorter
--   than it looks: see days.
-- Units: monthly_return is a share (0.01 is 1 %); days are trading days.
SELECT
    symbol,
    toStartOfMonth(business_date) AS month,
    count() AS days,
    exp(sum(log_return)) - 1 AS monthly_return
FROM returns_daily
GROUP BY symbol, month
ORDER BY symbol, month;
