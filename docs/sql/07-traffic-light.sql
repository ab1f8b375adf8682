-- Question: Which methods are out of Basel's green zone, and is the number of their breaches the reason?
-- Answer: Every forecast that is yellow or red, with its capital multiplier, and whether Kupiec's test rejects the
--   number of breaches at 5 %. No row is good news.
-- Units: breaches and expected_breaches are days; multiplier is a ratio of 3 to 4; pof_p_value is a probability.
SELECT
    portfolio_name,
    method,
    confidence,
    zone,
    breaches,
    expected_breaches,
    multiplier,
    is_coverage_rejected = 1 AS is_number_rejected,
    pof_p_value
FROM var_backtest_zones
WHERE zone != 'green'
ORDER BY multiplier DESC, portfolio_name, method, confidence;
