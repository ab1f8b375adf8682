-- Question: Which past days would hurt today's portfolios most if they came again?
-- Answer: The three worst days of the history for each portfolio, with what they would cost today's holdings.
-- Units: loss_base is money in base_currency, positive for a loss.
SELECT
    portfolio_id,
    base_currency,
    place,
    scenario_date,
    -pnl_base AS loss_base
FROM worst_scenarios_latest
WHERE factor_set = 'historical' AND horizon_days = 1 AND place <= 3
ORDER BY portfolio_id, place;
