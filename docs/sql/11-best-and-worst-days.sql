-- Question: What were the best and the worst day of every instrument?
-- Answer: One row a symbol, over all days that are there.
-- Units: best_return and worst_return are shares (0.01 is 1 %), close to close.
SELECT
    symbol,
    count() AS days,
    argMax(business_date, simple_return) AS best_date,
    max(simple_return) AS best_return,
    argMin(business_date, simple_return) AS worst_date,
    min(simple_return) AS worst_return
FROM returns_daily
GROUP BY symbol
ORDER BY symbol;
