CREATE TABLE IF NOT EXISTS `strategy_runs_v1`
(
    `business_date` Date32 COMMENT 'last close that is used: the partition',
    `strategy` String COMMENT 'strategy, as `tidemark backtest --list` names it',
    `kind` String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past)',
    `trial` Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward',
    `is_best` Bool COMMENT 'highest Sharpe ratio of the strategy\'s trials; true for walk_forward',
    `parameters` String COMMENT 'JSON: parameters; for walk_forward the plan and what was chosen when',
    `first_date` Date32 COMMENT 'first day of the backtest',
    `last_date` Date32 COMMENT 'last day of the backtest',
    `instruments` Int32 COMMENT 'instruments that could be held',
    `trials` Int32 COMMENT 'variants of the strategy that were tried, this one included',
    `total_return` Float64 COMMENT 'equity at the end over the capital, less 1 (share)',
    `annual_return` Float64 COMMENT 'compound return a year of 252 days (share)',
    `volatility` Float64 COMMENT 'standard deviation of daily returns, a year\'s (share)',
    `sharpe` Float64 COMMENT 'mean over standard deviation of daily returns above the cash rate, a year\'s',
    `sortino` Nullable(Float64) COMMENT 'mean over downside deviation, a year\'s; absent without a loss',
    `calmar` Nullable(Float64) COMMENT 'annual return over the deepest drawdown; absent without one',
    `max_drawdown` Float64 COMMENT 'deepest fall from the highest equity before, positive (share)',
    `probabilistic_sharpe` Float64 COMMENT 'probability that the true Sharpe ratio is above 0 (share)',
    `deflated_sharpe` Float64 COMMENT 'the same above what the best of `trials` shows by luck (share)',
    `overfitting` Nullable(Float64) COMMENT 'how often the best in training is below the median in the test; absent alone (share)',
    `turnover` Float64 COMMENT 'traded value a year, both sides, over average equity',
    `costs_base` Decimal(20, 2) COMMENT 'commissions; slippage is in the prices (currency of the prices)',
    `order_count` Int64 COMMENT 'orders that were made',
    `trade_count` Int64 COMMENT 'fills',
    `survivorship` String COMMENT 'how the instruments were chosen',
    `evidence` String COMMENT 'what was proven against looking ahead, and that both gears agree',
    `conventions` String COMMENT 'JSON: fills, costs and credit',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT strategy_runs_v1_check_1 CHECK kind IN ('trial', 'walk_forward'),
    CONSTRAINT strategy_runs_v1_check_2 CHECK trials > 0 AND trial >= 0,
    CONSTRAINT strategy_runs_v1_check_3 CHECK deflated_sharpe <= probabilistic_sharpe,
    CONSTRAINT strategy_runs_v1_check_4 CHECK last_date > first_date
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `strategy`, `kind`, `trial`)
COMMENT 'Every variant of every strategy that was tried, with what its result is worth after all trials. One row per business_date, strategy, kind, trial.';

CREATE TABLE IF NOT EXISTS `strategy_equity_v1`
(
    `business_date` Date32 COMMENT 'last close that is used: the partition',
    `strategy` String COMMENT 'strategy, as `tidemark backtest --list` names it',
    `kind` String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past)',
    `trial` Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward',
    `equity_date` Date32 COMMENT 'close that the equity is of',
    `equity_base` Decimal(20, 2) COMMENT 'cash and holdings at the close; negative where leverage lost more than everything (currency of the prices)',
    `cash_base` Decimal(20, 2) COMMENT 'cash at the close; negative where borrowed (currency of the prices)',
    `drawdown` Float64 COMMENT 'how far equity is below its highest value so far, positive (share)',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT strategy_equity_v1_check_1 CHECK kind IN ('trial', 'walk_forward'),
    CONSTRAINT strategy_equity_v1_check_2 CHECK equity_date <= business_date,
    CONSTRAINT strategy_equity_v1_check_3 CHECK drawdown >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `strategy`, `kind`, `trial`, `equity_date`)
COMMENT 'Equity of each strategy\'s best trial and of its walk-forward, day by day. One row per business_date, strategy, kind, trial, equity_date.';

CREATE TABLE IF NOT EXISTS `strategy_trades_v1`
(
    `business_date` Date32 COMMENT 'last close that is used: the partition',
    `strategy` String COMMENT 'strategy, as `tidemark backtest --list` names it',
    `kind` String COMMENT 'trial (one set of parameters, all days) or walk_forward (chosen anew by the past)',
    `trial` Int32 COMMENT 'place in the grid of parameters, from 0; 0 for walk_forward',
    `line` Int64 COMMENT 'place in the order in which fills were made, from 0',
    `trade_date` Date32 COMMENT 'day of the fill, the one after the decision',
    `symbol` String COMMENT 'instrument',
    `side` String COMMENT 'buy or sell',
    `quantity` Decimal(28, 8) COMMENT 'positive (units)',
    `price` Float64 COMMENT 'with slippage (currency per unit)',
    `fee_base` Decimal(20, 2) COMMENT 'commission (currency of the prices)',
    `is_delisting` Bool COMMENT 'closed because the instrument ended, at its last price',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT strategy_trades_v1_check_1 CHECK kind IN ('trial', 'walk_forward'),
    CONSTRAINT strategy_trades_v1_check_2 CHECK side IN ('buy', 'sell'),
    CONSTRAINT strategy_trades_v1_check_3 CHECK quantity >= 0 AND price >= 0,
    CONSTRAINT strategy_trades_v1_check_4 CHECK fee_base >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `strategy`, `kind`, `trial`, `line`)
COMMENT 'Fills behind gold.strategy_equity_v1. One row per business_date, strategy, kind, trial, line.';

CREATE OR REPLACE VIEW strategies_latest AS
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
    runs.run_id AS run_id
FROM strategy_runs_v1 AS runs
WHERE runs.business_date = latest_date AND runs.is_best
ORDER BY runs.kind DESC, runs.deflated_sharpe DESC
COMMENT 'The best trial and the walk-forward of every strategy on the newest business date. Believe walk_forward before trial, and no Sharpe ratio whose deflated_sharpe is below 0.95.';
