CREATE TABLE IF NOT EXISTS `bars_1m_v1`
(
    `event_date` Date32 COMMENT 'UTC date of bar_start: the partition',
    `symbol` String COMMENT 'instrument',
    `bar_start` DateTime64(6, 'UTC') COMMENT 'first instant of the minute',
    `open` Float64 COMMENT 'first price by event time, then sequence (currency per unit)',
    `high` Float64 COMMENT 'highest price (currency per unit)',
    `low` Float64 COMMENT 'lowest price (currency per unit)',
    `close` Float64 COMMENT 'last price by event time, then sequence (currency per unit)',
    `volume` Float64 COMMENT 'units traded (units)',
    `vwap` Nullable(Float64) COMMENT 'volume-weighted price; absent without volume (currency per unit)',
    `trade_count` Int64 COMMENT 'trades in the minute',
    CONSTRAINT bars_1m_v1_check_1 CHECK high >= low,
    CONSTRAINT bars_1m_v1_check_2 CHECK trade_count > 0
)
ENGINE = MergeTree
PARTITION BY `event_date`
ORDER BY (`event_date`, `symbol`, `bar_start`)
COMMENT 'One-minute bars of trades. One row per symbol, bar_start.';

CREATE TABLE IF NOT EXISTS `returns_daily_v1`
(
    `business_year` Int32 COMMENT 'year of business_date: the partition',
    `symbol` String COMMENT 'instrument',
    `business_date` Date32 COMMENT 'day that the return ends on',
    `previous_date` Date32 COMMENT 'day of the bar before',
    `currency` String COMMENT 'ISO 4217 code of close',
    `close` Decimal(18, 8) COMMENT 'close of business_date (currency per unit)',
    `simple_return` Float64 COMMENT 'close / previous close - 1',
    `log_return` Float64 COMMENT 'ln(close / previous close)',
    CONSTRAINT returns_daily_v1_check_1 CHECK previous_date < business_date,
    CONSTRAINT returns_daily_v1_check_2 CHECK simple_return > -1
)
ENGINE = MergeTree
PARTITION BY `business_year`
ORDER BY (`business_year`, `symbol`, `business_date`)
COMMENT 'Close-to-close returns. The first bar of an instrument has none. One row per symbol, business_date.';

CREATE TABLE IF NOT EXISTS `portfolio_risk_v1`
(
    `business_date` Date32 COMMENT 'close that the risk is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `method` String COMMENT 'historical, parametric_normal, cornish_fisher or monte_carlo_normal',
    `confidence` Decimal(6, 5) COMMENT 'probability that the loss stays below var_base',
    `horizon_days` Int32 COMMENT 'trading days ahead (days)',
    `value_base` Decimal(20, 2) COMMENT 'sum of quantity times close (base currency)',
    `var_base` Decimal(20, 2) COMMENT 'value at risk, positive for a loss (base currency)',
    `es_base` Decimal(20, 2) COMMENT 'expected shortfall, positive for a loss; never below var_base (base currency)',
    `convention` String COMMENT 'quantile and moment conventions behind the number',
    `observations` Int32 COMMENT 'daily returns used (days)',
    `scenarios` Int32 COMMENT 'scenarios behind the quantile',
    `breaches` Int32 COMMENT 'days of the backtest whose loss exceeded the VaR forecast the day before (days)',
    `backtest_days` Int32 COMMENT 'days of the backtest (days)',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT portfolio_risk_v1_check_1 CHECK es_base >= var_base,
    CONSTRAINT portfolio_risk_v1_check_2 CHECK observations > 0,
    CONSTRAINT portfolio_risk_v1_check_3 CHECK breaches <= backtest_days
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `method`, `confidence`, `horizon_days`)
COMMENT 'Value at risk and expected shortfall of every portfolio: a positive number is a loss. One row per business_date, portfolio, method, confidence, horizon.';

CREATE TABLE IF NOT EXISTS `var_backtest_v1`
(
    `business_date` Date32 COMMENT 'close that the backtest is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `method` String COMMENT 'as in gold.portfolio_risk_v1',
    `confidence` Decimal(6, 5) COMMENT 'as in gold.portfolio_risk_v1',
    `forecast_date` Date32 COMMENT 'day that was forecast, with returns up to the day before it',
    `var_base` Decimal(20, 2) COMMENT 'forecast, positive for a loss (base currency)',
    `pnl_base` Decimal(20, 2) COMMENT 'hypothetical profit of today\'s holdings on forecast_date (base currency)',
    `is_breach` Bool COMMENT 'pnl_base < -var_base',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT var_backtest_v1_check_1 CHECK is_breach = (pnl_base < -var_base)
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `method`, `confidence`, `forecast_date`)
COMMENT 'One-day VaR forecasts of the last days, each made from the days before it, beside what then happened. One row per business_date, portfolio, method, confidence, forecast_date.';

CREATE TABLE IF NOT EXISTS `mart_load_v1`
(
    `table_name` String COMMENT 'contract name',
    `partition_value` String COMMENT 'partition, as text',
    `delta_version` Int64 COMMENT 'pinned Delta version that was read',
    `row_count` Int64 COMMENT 'rows in the partition after the swap',
    `content_hash` String COMMENT 'order-independent hash of the partition, computed by ClickHouse',
    `run_id` String COMMENT 'run that loaded it',
    `loaded_at` DateTime64(6, 'UTC') COMMENT 'when'
)
ENGINE = MergeTree
ORDER BY (`table_name`, `partition_value`, `delta_version`)
COMMENT 'What was pulled from Delta into ClickHouse. One row per table_name, partition_value, delta_version.';
