-- Question: How volatile has every instrument been in its last 60 trading days, and before?
-- Answer: Sample standard deviation of daily log returns times the root of 252. The ratio is above 1 where the
--   instrument became wilder.
-- Units: volatility_60 and volatility_before are shares a year; ratio is a ratio.
WITH numbered AS
    (
        SELECT
            symbol,
            log_return,
            row_number() OVER (PARTITION BY symbol ORDER BY business_date DESC) AS days_ago
        FROM returns_daily
    )
SELECT
    symbol,
    stddevSampIf(log_return, days_ago <= 60) * sqrt(252) AS volatility_60,
    stddevSampIf(log_return, days_ago > 60) * sqrt(252) AS volatility_before,
    volatility_60 / volatility_before AS ratio
FROM numbered
GROUP BY symbol
ORDER BY ratio DESC;
