-- Question: Which instruments move together?
-- Answer: Pearson's correlation of daily log returns on the days that both have, every pair once, the closest
--   first.
-- Units: correlation is a ratio from -1 to 1; days are days that both have.
SELECT
    one.symbol AS first_symbol,
    other.symbol AS second_symbol,
    count() AS days,
    corr(one.log_return, other.log_return) AS correlation
FROM returns_daily AS one
INNER JOIN returns_daily AS other ON other.business_date = one.business_date
WHERE one.symbol < other.symbol
GROUP BY first_symbol, second_symbol
ORDER BY correlation DESC;
