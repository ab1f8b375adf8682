-- Question: What would the crises of the past, and a fall of everything, do to each portfolio as it is held today?
-- Answer: Each scenario's gain or loss with the holdings left unchanged, the greatest loss first, and of history the
--   lowest close on the way. A scenario without a number could not be measured, and reason says why: it is no loss of 0.
-- Units: pnl_base and worst_base are money in base_currency, negative for a loss; pnl_share is a share of the value.
SELECT
    portfolio_name,
    base_currency,
    scenario,
    pnl_base,
    pnl_share,
    worst_base,
    worst_date,
    reason
FROM stress_latest
WHERE kind IN ('historical', 'hypothetical')
ORDER BY portfolio_name, pnl_base ASC NULLS LAST, scenario;
