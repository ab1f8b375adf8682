-- Question: What would all proposals together buy and sell?
-- Answer: The trades of the newest business date by instrument and currency: what one portfolio sells and another
--   buys need not go to the market twice.
-- Units: bought, sold and net_units are units; net_notional is money in base_currency, negative for a sale.
SELECT
    symbol,
    base_currency,
    sumIf(quantity, side = 'buy') AS bought,
    sumIf(quantity, side = 'sell') AS sold,
    bought - sold AS net_units,
    sumIf(notional_base, side = 'buy') - sumIf(notional_base, side = 'sell') AS net_notional
FROM proposal_trades
WHERE business_date = (SELECT max(business_date) FROM proposal_trades)
GROUP BY symbol, base_currency
ORDER BY symbol, base_currency;
