CREATE TABLE IF NOT EXISTS `rebalance_proposals_v1`
(
    `business_date` Date32 COMMENT 'close that it is computed with: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `status` String COMMENT 'proposed (there are trades), within_bands, nothing_to_trade, kept (no solution) or refused (not computable)',
    `reasons` String COMMENT 'JSON: array of sentences: why it is as it is',
    `regime` String COMMENT 'bull, bear or sideways: the regime whose aim was used',
    `regime_source` String COMMENT 'rule or model that told the regime',
    `objective` String COMMENT 'what the weights were to achieve, as min_variance',
    `value_base` Decimal(20, 2) COMMENT 'cash and holdings before trading (base currency)',
    `cash_before_base` Decimal(20, 2) COMMENT 'cash that nothing keeps back, before trading (base currency)',
    `cash_after_base` Decimal(20, 2) COMMENT 'the same after all trades and their costs; never negative unless it was before (base currency)',
    `drift_before` Float64 COMMENT 'half the sum of |weight - target|, cash included (share of the portfolio\'s value)',
    `drift_after` Float64 COMMENT 'the same after the trades (share of the portfolio\'s value)',
    `turnover` Float64 COMMENT 'value of all trades, buys and sales added (share of the portfolio\'s value)',
    `cost_base` Decimal(20, 2) COMMENT 'estimated commission and half spread of all trades (base currency)',
    `tax_base` Decimal(20, 2) COMMENT 'estimated tax on the gains that sales realise, losses set off (base currency)',
    `volatility_before` Float64 COMMENT 'standard deviation of a year\'s return, cash included (share of the portfolio\'s value)',
    `volatility_after` Float64 COMMENT 'the same after the trades (share of the portfolio\'s value)',
    `var_99_before` Float64 COMMENT 'one-day value at risk at 99 % by history, positive for a loss (share of the portfolio\'s value)',
    `var_99_after` Float64 COMMENT 'the same after the trades (share of the portfolio\'s value)',
    `es_975_before` Float64 COMMENT 'one-day expected shortfall at 97.5 % by history, positive for a loss (share of the portfolio\'s value)',
    `es_975_after` Float64 COMMENT 'the same after the trades (share of the portfolio\'s value)',
    `trade_count` Int32 COMMENT 'trades',
    `lots_method` String COMMENT 'milp, greedy (the integer program had no answer in time) or none',
    `solver` String COMMENT 'solver of the weights',
    `conventions` String COMMENT 'estimators and units behind weights and risk',
    `weights` String COMMENT 'JSON: array of symbol, before, target, step (wanted now) and after',
    `versions` String COMMENT 'JSON: versions of the libraries behind it',
    `run_id` String COMMENT 'run manifest that recomputes it',
    CONSTRAINT rebalance_proposals_v1_check_1 CHECK cash_after_base >= 0 OR cash_after_base = cash_before_base,
    CONSTRAINT rebalance_proposals_v1_check_2 CHECK turnover >= 0,
    CONSTRAINT rebalance_proposals_v1_check_3 CHECK cost_base >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`)
COMMENT 'What to trade in every portfolio that was due, and what that changes. One row per business_date, portfolio.';

CREATE TABLE IF NOT EXISTS `rebalance_trades_v1`
(
    `business_date` Date32 COMMENT 'close that it is computed with: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `line` Int32 COMMENT 'place among the proposal\'s trades, from 0',
    `symbol` String COMMENT 'instrument',
    `side` String COMMENT 'buy or sell',
    `quantity` Decimal(28, 8) COMMENT 'whole units (units)',
    `reference_price` Decimal(18, 8) COMMENT 'close that everything is computed with (base currency per unit)',
    `notional_base` Decimal(20, 2) COMMENT 'quantity times reference price (base currency)',
    `cost_base` Decimal(20, 2) COMMENT 'estimated commission and half spread (base currency)',
    `short_gain_base` Decimal(20, 2) COMMENT 'gain that the sale realises on lots held for a year at most; negative for a loss (base currency)',
    `long_gain_base` Decimal(20, 2) COMMENT 'the same on lots held for longer (base currency)',
    `lots` String COMMENT 'JSON: array of lot and quantity: what the sale should close for the least tax',
    `note` String COMMENT 'what the owner should know, a wash sale for one; empty for nothing',
    `run_id` String COMMENT 'run manifest that recomputes it',
    CONSTRAINT rebalance_trades_v1_check_1 CHECK quantity > 0,
    CONSTRAINT rebalance_trades_v1_check_2 CHECK cost_base >= 0,
    CONSTRAINT rebalance_trades_v1_check_3 CHECK notional_base >= 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `line`)
COMMENT 'The trades of every proposal, in whole units. One row per business_date, portfolio, line.';
