-- Question: Which strategies beat simply holding everything, and how far did they stray from it to do so?
-- Answer: The walk-forward of every strategy beside its benchmark over the same days: what it earned more a year, how
--   much its days differed from the benchmark's, and in which share of the months it was ahead. An information ratio
--   of 0.5 is good, and a beta near 1 with little excess return is the benchmark with costs.
-- Units: returns, tracking_error and months_ahead are shares, a year's but for the last; the ratios are ratios a year.
WITH
    month_ends AS
    (
        SELECT
            strategy,
            toStartOfMonth(equity_date) AS month,
            argMax(equity_base, equity_date) AS own,
            argMax(benchmark_base, equity_date) AS held
        FROM strategy_equity
        WHERE kind = 'walk_forward' AND benchmark IS NOT NULL
        GROUP BY strategy, month
    ),
    months AS
    (
        SELECT
            strategy,
            toFloat64(own) / lagInFrame(toFloat64(own)) OVER by_month AS own_growth,
            toFloat64(held) / lagInFrame(toFloat64(held)) OVER by_month AS held_growth,
            row_number() OVER by_month AS place
        FROM month_ends
        WINDOW by_month AS (PARTITION BY strategy ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
SELECT
    strategies.strategy AS strategy,
    any(strategies.benchmark) AS benchmark,
    any(strategies.benchmark_return) AS benchmark_return,
    any(strategies.excess_return) AS excess_return,
    any(strategies.tracking_error) AS tracking_error,
    any(strategies.information_ratio) AS information_ratio,
    any(strategies.beta) AS beta,
    avgIf(months.own_growth > months.held_growth, months.place > 1) AS months_ahead
FROM strategies_latest AS strategies
INNER JOIN months ON months.strategy = strategies.strategy
WHERE strategies.kind = 'walk_forward'
GROUP BY strategy
ORDER BY information_ratio DESC;
