-- Question: When did every strategy fall deepest, from which day on, and was it made up for?
-- Answer: The peak before the deepest drawdown of the walk-forward, its lowest day, and the first day at or above
--   that peak; empty while it lasts.
-- Units: depth is a share of the equity at the peak; days_down are calendar days from peak to lowest day.
WITH
    days AS
    (
        SELECT
            strategy,
            equity_date,
            equity_base,
            drawdown,
            max(equity_base) OVER (PARTITION BY strategy ORDER BY equity_date) AS peak_base
        FROM strategy_equity
        WHERE kind = 'walk_forward'
    ),
    deepest AS
    (
        SELECT strategy, argMax(equity_date, drawdown) AS low_date, argMax(peak_base, drawdown) AS peak, max(drawdown) AS depth
        FROM days
        GROUP BY strategy
    )
SELECT
    deepest.strategy AS strategy,
    deepest.depth AS depth,
    maxIf(days.equity_date, days.equity_base = deepest.peak AND days.equity_date < deepest.low_date) AS peak_date,
    deepest.low_date AS low_date,
    minOrNullIf(days.equity_date, days.equity_base >= deepest.peak AND days.equity_date > deepest.low_date) AS made_up_for,
    dateDiff('day', peak_date, low_date) AS days_down
FROM deepest
INNER JOIN days ON days.strategy = deepest.strategy
GROUP BY strategy, depth, low_date
ORDER BY depth DESC;
