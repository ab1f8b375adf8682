-- Question: Why did each portfolio gain or lose since the close before?
-- Answer: The gain, which is the sum of the parts beside it: prices, exchange rates, trades, income, fees, rounding,
--   and what its transactions do not explain. A portfolio without numbers has a reason instead.
-- Units: columns that end in _base are money in base_currency, negative for a loss; gain_share is a share of the value
--   at the close before.
SELECT
    portfolio_name,
    base_currency,
    previous_date,
    total_base,
    gain_share,
    price_base,
    fx_base,
    new_trades_base,
    income_base,
    fees_base,
    rounding_base,
    unexplained_base,
    reason
FROM pnl_explain_daily
WHERE business_date = (SELECT max(business_date) FROM pnl_explain_daily)
ORDER BY portfolio_name;
