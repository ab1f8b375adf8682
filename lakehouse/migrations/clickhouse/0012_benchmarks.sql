-- What backtests earned beside their benchmark, for analysts; and what an exposure is where a contract is of many units.
CREATE TABLE IF NOT EXISTS `strategy_relative_v1`
(
    `business_date` Date32 COMMENT 'last close that is used: the partition',
    `strategy` String COMMENT 'strategy, as `tidemark backtest --list` names it',
    `kind` String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past)',
    `trial` Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward',
    `benchmark` String COMMENT 'strategy that it is compared with: a trial with its best trial, a walk-forward with its own',
    `benchmark_return` Float64 COMMENT 'compound return of the benchmark a year of 252 days (share)',
    `excess_return` Float64 COMMENT 'annual return less benchmark_return (share)',
    `beta` Nullable(Float64) COMMENT 'covariance with the benchmark\'s daily returns over their variance',
    `alpha` Nullable(Float64) COMMENT 'mean return above cash less beta times the benchmark\'s, a year\'s (share)',
    `tracking_error` Nullable(Float64) COMMENT 'standard deviation of daily returns above the benchmark\'s, a year\'s (share)',
    `information_ratio` Nullable(Float64) COMMENT 'mean daily return above the benchmark\'s over its standard deviation, a year\'s; absent where the two never differ',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT strategy_relative_v1_check_1 CHECK kind IN ('trial', 'walk_forward'),
    CONSTRAINT strategy_relative_v1_check_2 CHECK trial >= 0,
    CONSTRAINT strategy_relative_v1_check_3 CHECK strategy <> benchmark,
    CONSTRAINT strategy_relative_v1_check_4 CHECK tracking_error IS NULL OR tracking_error >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `strategy`, `kind`, `trial`)
COMMENT 'Every variant against its benchmark over the same days, whose equity gold.strategy_equity_v1 has day by day. One row per business_date, strategy, kind, trial.';

CREATE OR REPLACE VIEW strategies_latest
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    parameters String COMMENT 'JSON: parameters; for walk_forward the plan and what was chosen when | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    first_date Date32 COMMENT 'first day of the backtest | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    last_date Date32 COMMENT 'last day of the backtest | unit: date | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    trials Int32 COMMENT 'variants of the strategy that were tried, this one included | unit: count | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    annual_return Float64 COMMENT 'compound return a year of 252 days | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    volatility Float64 COMMENT 'standard deviation of daily returns, a year\'s | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    sharpe Float64 COMMENT 'mean over standard deviation of daily returns above the cash rate, a year\'s | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    max_drawdown Float64 COMMENT 'deepest fall from the highest equity before, positive | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    deflated_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above what the best of `trials` shows by luck | unit: probability | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    overfitting Nullable(Float64) COMMENT 'how often the best in training is below the median in the test; absent alone | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    turnover Float64 COMMENT 'traded value a year, both sides, over average equity | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    survivorship String COMMENT 'how the instruments were chosen | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark Nullable(String) COMMENT 'strategy that it is compared with over the same days; NULL for the benchmark itself | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark_return Nullable(Float64) COMMENT 'compound return of the benchmark a year of 252 days | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    excess_return Nullable(Float64) COMMENT 'annual_return less benchmark_return | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    beta Nullable(Float64) COMMENT 'covariance with the benchmark\'s daily returns over their variance | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    alpha Nullable(Float64) COMMENT 'mean return above cash less beta times the benchmark\'s, a year\'s | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    tracking_error Nullable(Float64) COMMENT 'standard deviation of daily returns above the benchmark\'s, a year\'s | unit: share | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    information_ratio Nullable(Float64) COMMENT 'mean daily return above the benchmark\'s over its standard deviation, a year\'s | unit: ratio | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_runs_v1) AS latest_date
SELECT
    runs.business_date AS business_date,
    runs.strategy AS strategy,
    runs.kind AS kind,
    runs.parameters AS parameters,
    runs.first_date AS first_date,
    runs.last_date AS last_date,
    runs.trials AS trials,
    runs.annual_return AS annual_return,
    runs.volatility AS volatility,
    runs.sharpe AS sharpe,
    runs.max_drawdown AS max_drawdown,
    runs.deflated_sharpe AS deflated_sharpe,
    runs.overfitting AS overfitting,
    runs.turnover AS turnover,
    runs.survivorship AS survivorship,
    relative.benchmark AS benchmark,
    relative.benchmark_return AS benchmark_return,
    relative.excess_return AS excess_return,
    relative.beta AS beta,
    relative.alpha AS alpha,
    relative.tracking_error AS tracking_error,
    relative.information_ratio AS information_ratio,
    runs.run_id AS run_id
FROM strategy_runs_v1 AS runs
LEFT JOIN
(
    SELECT
        business_date,
        strategy,
        kind,
        trial,
        toNullable(benchmark) AS benchmark,
        toNullable(benchmark_return) AS benchmark_return,
        toNullable(excess_return) AS excess_return,
        beta,
        alpha,
        tracking_error,
        information_ratio
    FROM strategy_relative_v1
) AS relative
    ON relative.business_date = runs.business_date
    AND relative.strategy = runs.strategy
    AND relative.kind = runs.kind
    AND relative.trial = runs.trial
WHERE runs.business_date = latest_date AND runs.is_best
ORDER BY runs.kind DESC, runs.deflated_sharpe DESC
COMMENT 'The best trial and the walk-forward of every strategy on the newest business date. Believe walk_forward before trial, and no Sharpe ratio whose deflated_sharpe is below 0.95.';

CREATE OR REPLACE VIEW strategy_runs
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    trial Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward | unit: number | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    is_best Bool COMMENT 'highest Sharpe ratio of the strategy\'s trials; true for walk_forward | unit: yes or no | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    parameters String COMMENT 'JSON: parameters; for walk_forward the plan and what was chosen when | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    first_date Date32 COMMENT 'first day of the backtest | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    last_date Date32 COMMENT 'last day of the backtest | unit: date | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    instruments Int32 COMMENT 'instruments that could be held | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    trials Int32 COMMENT 'variants of the strategy that were tried, this one included | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    total_return Float64 COMMENT 'equity at the end over the capital, less 1 | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    annual_return Float64 COMMENT 'compound return a year of 252 days | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    volatility Float64 COMMENT 'standard deviation of daily returns, a year\'s | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    sharpe Float64 COMMENT 'mean over standard deviation of daily returns above the cash rate, a year\'s | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    sortino Nullable(Float64) COMMENT 'mean over downside deviation, a year\'s; absent without a loss | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    calmar Nullable(Float64) COMMENT 'annual return over the deepest drawdown; absent without one | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    max_drawdown Float64 COMMENT 'deepest fall from the highest equity before, positive | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    probabilistic_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above 0 | unit: probability | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    deflated_sharpe Float64 COMMENT 'probability that the true Sharpe ratio is above what the best of `trials` shows by luck | unit: probability | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    overfitting Nullable(Float64) COMMENT 'how often the best in training is below the median in the test; absent alone | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    turnover Float64 COMMENT 'traded value a year, both sides, over average equity | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    costs_base Decimal(20, 2) COMMENT 'commissions; slippage is in the prices | unit: money | currency: of the prices | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    order_count Int64 COMMENT 'orders that were made | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    trade_count Int64 COMMENT 'fills | unit: count | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    survivorship String COMMENT 'how the instruments were chosen | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark Nullable(String) COMMENT 'strategy that it is compared with over the same days; NULL for the benchmark itself | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark_return Nullable(Float64) COMMENT 'compound return of the benchmark a year of 252 days | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    excess_return Nullable(Float64) COMMENT 'annual_return less benchmark_return | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    beta Nullable(Float64) COMMENT 'covariance with the benchmark\'s daily returns over their variance | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    alpha Nullable(Float64) COMMENT 'mean return above cash less beta times the benchmark\'s, a year\'s | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    tracking_error Nullable(Float64) COMMENT 'standard deviation of daily returns above the benchmark\'s, a year\'s | unit: share | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    information_ratio Nullable(Float64) COMMENT 'mean daily return above the benchmark\'s over its standard deviation, a year\'s | unit: ratio | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, trial, on the newest business_date | source: gold.strategy_runs_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_runs_v1) AS latest_date
SELECT
    runs.business_date AS business_date,
    runs.strategy AS strategy,
    runs.kind AS kind,
    runs.trial AS trial,
    runs.is_best AS is_best,
    runs.parameters AS parameters,
    runs.first_date AS first_date,
    runs.last_date AS last_date,
    runs.instruments AS instruments,
    runs.trials AS trials,
    runs.total_return AS total_return,
    runs.annual_return AS annual_return,
    runs.volatility AS volatility,
    runs.sharpe AS sharpe,
    runs.sortino AS sortino,
    runs.calmar AS calmar,
    runs.max_drawdown AS max_drawdown,
    runs.probabilistic_sharpe AS probabilistic_sharpe,
    runs.deflated_sharpe AS deflated_sharpe,
    runs.overfitting AS overfitting,
    runs.turnover AS turnover,
    runs.costs_base AS costs_base,
    runs.order_count AS order_count,
    runs.trade_count AS trade_count,
    runs.survivorship AS survivorship,
    relative.benchmark AS benchmark,
    relative.benchmark_return AS benchmark_return,
    relative.excess_return AS excess_return,
    relative.beta AS beta,
    relative.alpha AS alpha,
    relative.tracking_error AS tracking_error,
    relative.information_ratio AS information_ratio,
    runs.run_id AS run_id
FROM strategy_runs_v1 AS runs
LEFT JOIN
(
    SELECT
        business_date,
        strategy,
        kind,
        trial,
        toNullable(benchmark) AS benchmark,
        toNullable(benchmark_return) AS benchmark_return,
        toNullable(excess_return) AS excess_return,
        beta,
        alpha,
        tracking_error,
        information_ratio
    FROM strategy_relative_v1
) AS relative
    ON relative.business_date = runs.business_date
    AND relative.strategy = runs.strategy
    AND relative.kind = runs.kind
    AND relative.trial = runs.trial
WHERE runs.business_date = latest_date
COMMENT 'Every variant of every strategy that was tried on the newest business date, not only the best: what shows how much of a result is choice. Hypothetical money.';

CREATE OR REPLACE VIEW strategy_equity
(
    business_date Date32 COMMENT 'last close that is used | unit: date | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    strategy String COMMENT 'strategy, as `tidemark backtest --list` names it | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    kind String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past) | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    trial Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward | unit: number | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    equity_date Date32 COMMENT 'close that the equity is of | unit: date | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    equity_base Decimal(20, 2) COMMENT 'cash and holdings at the close; negative where leverage lost more than everything | unit: money | currency: of the prices | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    cash_base Decimal(20, 2) COMMENT 'cash at the close; negative where borrowed | unit: money | currency: of the prices | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    drawdown Float64 COMMENT 'how far equity is below its highest value so far, positive | unit: share | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark Nullable(String) COMMENT 'strategy that it is compared with; NULL for the benchmark itself | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    benchmark_base Nullable(Decimal(20, 2)) COMMENT 'equity of the benchmark at the same close, of the same capital | unit: money | currency: of the prices | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: strategy, kind, trial, equity_date, on the newest business_date | source: gold.strategy_equity_v1, gold.strategy_relative_v1 | refresh: Saturdays, when backtests_weekly is published'
)
AS
WITH (SELECT max(business_date) FROM strategy_equity_v1) AS latest_date
SELECT
    equity.business_date AS business_date,
    equity.strategy AS strategy,
    equity.kind AS kind,
    equity.trial AS trial,
    equity.equity_date AS equity_date,
    equity.equity_base AS equity_base,
    equity.cash_base AS cash_base,
    equity.drawdown AS drawdown,
    relative.benchmark AS benchmark,
    held.equity_base AS benchmark_base,
    equity.run_id AS run_id
FROM strategy_equity_v1 AS equity
LEFT JOIN
(
    SELECT business_date, strategy, kind, trial, toNullable(benchmark) AS benchmark
    FROM strategy_relative_v1
) AS relative
    ON relative.business_date = equity.business_date
    AND relative.strategy = equity.strategy
    AND relative.kind = equity.kind
    AND relative.trial = equity.trial
LEFT JOIN
(
    SELECT business_date, strategy, kind, equity_date, toNullable(equity_base) AS equity_base
    FROM strategy_equity_v1
) AS held
    ON held.business_date = equity.business_date
    AND held.strategy = relative.benchmark
    AND held.kind = equity.kind
    AND held.equity_date = equity.equity_date
WHERE equity.business_date = latest_date
COMMENT 'Equity of each strategy\'s best trial and of its walk-forward, day by day, beside that of its benchmark, on the newest business date. Hypothetical money.';

-- These amounts have the multiplier of a contract and the exchange rate in them: only their comments left them out.
ALTER TABLE component_risk_v1 COMMENT COLUMN exposure_base 'quantity x close x contract multiplier x exchange rate of the date into the base currency, summed; negative for a short (base currency)';
ALTER TABLE portfolio_risk_v1 COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency (base currency)';
ALTER TABLE portfolio_metrics_v1 COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency (base currency)';
ALTER TABLE stress_v1 COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency; absent where a holding has no close or no rate (base currency)';
ALTER TABLE portfolio_risk_latest COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, on the newest business_date | source: gold.portfolio_risk_v1, ops.mart_load_v1 | refresh: when risk_daily of a business date is published';
ALTER TABLE risk_history COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency | unit: money | currency: base_currency | grain: business_date, portfolio_id, method, confidence, horizon_days | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published';
ALTER TABLE risk_change COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, measured on both of the two newest business dates | source: gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published';
ALTER TABLE component_risk_latest COMMENT COLUMN exposure_base 'quantity x close x contract multiplier x exchange rate of the date into the base currency, summed; negative for a short | unit: money | currency: base_currency | grain: portfolio_id, method, confidence, horizon_days, grouping, group_name, on the newest business_date | source: gold.component_risk_v1, gold.portfolio_risk_v1 | refresh: when risk_daily of a business date is published';
ALTER TABLE portfolio_metrics_latest COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency | unit: money | currency: base_currency | grain: portfolio_id, on the newest business_date | source: gold.portfolio_metrics_v1 | refresh: when risk_daily of a business date is published';
ALTER TABLE stress_latest COMMENT COLUMN value_base 'sum of quantity x close x contract multiplier x exchange rate of the date into the base currency; absent where a holding has no close or no rate | unit: money | currency: base_currency | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published';

-- What is sold in another currency brings no cash of the portfolio's own, and gains of its lots are not known.
ALTER TABLE rebalance_proposals_v1 COMMENT COLUMN cash_after_base 'the same after all trades and their costs, without what sales bring of another currency; never negative unless it was before (base currency)';
ALTER TABLE rebalance_proposals_v1 COMMENT COLUMN tax_base 'estimated tax on the gains that sales realise, losses set off; of lots in another currency it is not counted (base currency)';
ALTER TABLE proposals COMMENT COLUMN cash_after_base 'cash that nothing keeps back, after all trades and their costs, without what sales bring of another currency; never negative unless it was before | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published';
ALTER TABLE proposals COMMENT COLUMN tax_base 'estimated tax on the gains that sales realise, losses set off; of lots in another currency it is not counted | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.rebalance_proposals_v1 | refresh: when rebalance_daily of a business date is published';
