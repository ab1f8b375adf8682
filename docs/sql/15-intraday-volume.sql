-- Question: What did each instrument trade in a day, at which average price, and when was it busiest?
-- Answer: The minutes' bars added up to a day. A minute without volume has no vwap and counts for nothing in the
--   average.
-- Units: units are units; average_price is money per unit in the currency of the prices; busiest_minute is UTC.
SELECT
    symbol,
    event_date,
    sum(trade_count) AS trades,
    sum(volume) AS units,
    sumIf(vwap * volume, volume > 0) / units AS average_price,
    argMax(bar_start, (volume, -toUnixTimestamp64Micro(bar_start))) AS busiest_minute
FROM bars_1m
GROUP BY symbol, event_date
ORDER BY symbol, event_date;
