CREATE TABLE IF NOT EXISTS `stress_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `kind` String COMMENT 'historical (a window of the past), hypothetical (shocks made up) or reverse (a loss, and how far it is)',
    `scenario` String COMMENT 'name: lakehouse.risk.scenarios',
    `title` String COMMENT 'what it is, in words',
    `value_base` Nullable(Decimal(20, 2)) COMMENT 'sum of quantity times close; absent where a holding has no close (base currency)',
    `pnl_base` Nullable(Decimal(20, 2)) COMMENT 'at its end, holdings unchanged; negative for a loss, absent where unmeasured (base currency)',
    `worst_base` Nullable(Decimal(20, 2)) COMMENT 'at the lowest close on the way, at most 0; of history only (base currency)',
    `worst_date` Nullable(Date32) COMMENT 'day of that close; the first one where nothing was lost',
    `first_date` Nullable(Date32) COMMENT 'close that the moves begin at; of history only',
    `last_date` Nullable(Date32) COMMENT 'close that they end at; of history only',
    `distance` Nullable(Float64) COMMENT 'standard deviations of a day from no move to the nearest moves that lose it; of reverse only',
    `detail` String COMMENT 'the three holdings that lose most, with their part of pnl_base',
    `reason` String COMMENT 'why it is unmeasured; empty where it is measured',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT stress_v1_check_1 CHECK kind IN ('historical', 'hypothetical', 'reverse'),
    CONSTRAINT stress_v1_check_2 CHECK (pnl_base IS NULL AND reason <> '') OR (pnl_base IS NOT NULL AND reason = ''),
    CONSTRAINT stress_v1_check_3 CHECK worst_base IS NULL OR (worst_base <= 0 AND worst_base <= pnl_base),
    CONSTRAINT stress_v1_check_4 CHECK distance IS NULL OR distance > 0
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `kind`, `scenario`)
COMMENT 'What crises of the past and shocks made up would do to every portfolio, and how near a large loss is. One row per business_date, portfolio, kind, scenario.';

CREATE TABLE IF NOT EXISTS `pnl_explain_v1`
(
    `business_date` Date32 COMMENT 'close that it is as of: the partition',
    `portfolio_id` UUID COMMENT 'portfolio',
    `portfolio_name` String COMMENT 'its name',
    `base_currency` String COMMENT 'ISO 4217 code of the amounts',
    `previous_date` Nullable(Date32) COMMENT 'the close before; absent where none is known',
    `item_kind` String COMMENT 'instrument, cash (of another currency, and what no instrument caused), or portfolio (one unmeasured)',
    `item` String COMMENT 'symbol or ISO 4217 code; empty for a portfolio',
    `value_before_base` Nullable(Decimal(20, 2)) COMMENT 'its worth at the close before; absent where unmeasured (base currency)',
    `value_after_base` Nullable(Decimal(20, 2)) COMMENT 'its worth at the close (base currency)',
    `total_base` Nullable(Decimal(20, 2)) COMMENT 'what it gained: the sum of the parts; negative for a loss (base currency)',
    `price_base` Nullable(Decimal(20, 2)) COMMENT 'units held at the close before, times the change of the price (base currency)',
    `fx_base` Nullable(Decimal(20, 2)) COMMENT 'the same units and cash, times the change of the exchange rate (base currency)',
    `new_trades_base` Nullable(Decimal(20, 2)) COMMENT 'units traded since, from their price to the close (base currency)',
    `income_base` Nullable(Decimal(20, 2)) COMMENT 'dividends and interest (base currency)',
    `fees_base` Nullable(Decimal(20, 2)) COMMENT 'fees and taxes, negative (base currency)',
    `rounding_base` Nullable(Decimal(20, 2)) COMMENT 'what rounding each worth and cost to minor units adds (base currency)',
    `unexplained_base` Nullable(Decimal(20, 2)) COMMENT 'units that came or went without a transaction, at the close (base currency)',
    `basis` String COMMENT 'where the units of the close before are from: copy (silver.positions_v1), or undone (today\'s less trades)',
    `reason` String COMMENT 'why the portfolio\'s day is unmeasured; empty where it is measured',
    `run_id` String COMMENT 'run manifest that recomputes this row',
    CONSTRAINT pnl_explain_v1_check_1 CHECK item_kind IN ('instrument', 'cash', 'portfolio'),
    CONSTRAINT pnl_explain_v1_check_2 CHECK (total_base IS NULL AND reason <> '') OR (total_base IS NOT NULL AND reason = ''),
    CONSTRAINT pnl_explain_v1_check_3 CHECK total_base IS NULL OR total_base = price_base + fx_base + new_trades_base + income_base + fees_base + rounding_base + unexplained_base
)
ENGINE = MergeTree
PARTITION BY `business_date`
ORDER BY (`business_date`, `portfolio_id`, `item_kind`, `item`)
COMMENT 'Why every portfolio gained or lost since the close before: parts that sum to the total, to the cent. One row per business_date, portfolio, item; the rows of a portfolio add up to its day.';

CREATE OR REPLACE VIEW stress_latest
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    kind String COMMENT 'historical (a window of the past), hypothetical (shocks made up) or reverse (a loss, and how far it is) | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    scenario String COMMENT 'name of the scenario, as covid_2020 or all_down_20 | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    title String COMMENT 'what it is, in words | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    value_base Nullable(Decimal(20, 2)) COMMENT 'sum of quantity times close; absent where a holding has no close | unit: money | currency: base_currency | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    pnl_base Nullable(Decimal(20, 2)) COMMENT 'at its end, holdings unchanged; negative for a loss, absent where unmeasured | unit: money | currency: base_currency | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    pnl_share Nullable(Float64) COMMENT 'pnl_base over value_base; absent where unmeasured or worth nothing | unit: share | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    worst_base Nullable(Decimal(20, 2)) COMMENT 'at the lowest close on the way, at most 0; of history only | unit: money | currency: base_currency | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    worst_date Nullable(Date32) COMMENT 'day of that close; the first one where nothing was lost | unit: date | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    first_date Nullable(Date32) COMMENT 'close that the moves begin at; of history only | unit: date | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    last_date Nullable(Date32) COMMENT 'close that they end at; of history only | unit: date | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    distance Nullable(Float64) COMMENT 'standard deviations of a day from no move to the nearest moves that lose it; of reverse only | unit: number | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    detail String COMMENT 'the three holdings that lose most, with their part of pnl_base | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    reason String COMMENT 'why it is unmeasured; empty where it is measured | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: portfolio_id, kind, scenario, on the newest business_date | source: gold.stress_v1 | refresh: when risk_daily of a business date is published'
)
AS
WITH (SELECT max(business_date) FROM stress_v1) AS latest_date
SELECT
    stress.business_date AS business_date,
    stress.portfolio_id AS portfolio_id,
    stress.portfolio_name AS portfolio_name,
    stress.base_currency AS base_currency,
    stress.kind AS kind,
    stress.scenario AS scenario,
    stress.title AS title,
    stress.value_base AS value_base,
    stress.pnl_base AS pnl_base,
    if(stress.value_base = 0, NULL, toFloat64(stress.pnl_base) / toFloat64(stress.value_base)) AS pnl_share,
    stress.worst_base AS worst_base,
    stress.worst_date AS worst_date,
    stress.first_date AS first_date,
    stress.last_date AS last_date,
    stress.distance AS distance,
    stress.detail AS detail,
    stress.reason AS reason,
    stress.run_id AS run_id
FROM stress_v1 AS stress
WHERE stress.business_date = latest_date
COMMENT 'What crises of the past and shocks made up would do to every portfolio as held on the newest business date, and how many standard deviations of a day away a large loss is. pnl_base is negative for a loss; where it is NULL, reason says why it could not be measured: it is no loss of zero.';

CREATE OR REPLACE VIEW pnl_explain
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    previous_date Nullable(Date32) COMMENT 'the close before; absent where none is known | unit: date | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    item_kind String COMMENT 'instrument, cash (of another currency, and what no instrument caused), or portfolio (one unmeasured) | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    item String COMMENT 'symbol or ISO 4217 code; empty for a portfolio | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    value_before_base Nullable(Decimal(20, 2)) COMMENT 'its worth at the close before; absent where unmeasured | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    value_after_base Nullable(Decimal(20, 2)) COMMENT 'its worth at the close | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    total_base Nullable(Decimal(20, 2)) COMMENT 'what it gained: the sum of the parts; negative for a loss | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    price_base Nullable(Decimal(20, 2)) COMMENT 'units held at the close before, times the change of the price | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    fx_base Nullable(Decimal(20, 2)) COMMENT 'the same units and cash, times the change of the exchange rate | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    new_trades_base Nullable(Decimal(20, 2)) COMMENT 'units traded since, from their price to the close | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    income_base Nullable(Decimal(20, 2)) COMMENT 'dividends and interest | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    fees_base Nullable(Decimal(20, 2)) COMMENT 'fees and taxes, negative | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    rounding_base Nullable(Decimal(20, 2)) COMMENT 'what rounding each worth and cost to minor units adds | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    unexplained_base Nullable(Decimal(20, 2)) COMMENT 'units that came or went without a transaction, at the close | unit: money | currency: base_currency | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    basis String COMMENT 'where the units of the close before are from: copy (silver.positions_v1), or undone (today\'s less trades) | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    reason String COMMENT 'why the portfolio\'s day is unmeasured; empty where it is measured | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes this row | unit: text | currency: none | grain: business_date, portfolio_id, item_kind, item | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published'
)
AS
SELECT
    explained.business_date AS business_date,
    explained.portfolio_id AS portfolio_id,
    explained.portfolio_name AS portfolio_name,
    explained.base_currency AS base_currency,
    explained.previous_date AS previous_date,
    explained.item_kind AS item_kind,
    explained.item AS item,
    explained.value_before_base AS value_before_base,
    explained.value_after_base AS value_after_base,
    explained.total_base AS total_base,
    explained.price_base AS price_base,
    explained.fx_base AS fx_base,
    explained.new_trades_base AS new_trades_base,
    explained.income_base AS income_base,
    explained.fees_base AS fees_base,
    explained.rounding_base AS rounding_base,
    explained.unexplained_base AS unexplained_base,
    explained.basis AS basis,
    explained.reason AS reason,
    explained.run_id AS run_id
FROM pnl_explain_v1 AS explained
COMMENT 'Why every portfolio gained or lost since the close before, by instrument and by cash: the parts of a row sum to its total, and the rows of a portfolio to its day. A portfolio that could not be explained has one row with a reason and no numbers.';

CREATE OR REPLACE VIEW pnl_explain_daily
(
    business_date Date32 COMMENT 'close that it is as of | unit: date | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    portfolio_id UUID COMMENT 'portfolio | unit: id | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    portfolio_name String COMMENT 'name of the portfolio | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    base_currency String COMMENT 'ISO 4217 code of the amounts | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    previous_date Nullable(Date32) COMMENT 'the close before; absent where none is known | unit: date | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    items UInt64 COMMENT 'instruments and cash balances that it is the sum of; 0 where unmeasured | unit: count | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    value_before_base Nullable(Decimal(38, 2)) COMMENT 'worth of all items at the close before; absent where unmeasured | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    value_after_base Nullable(Decimal(38, 2)) COMMENT 'worth of all items at the close | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    total_base Nullable(Decimal(38, 2)) COMMENT 'what it gained: the sum of the parts; negative for a loss | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    price_base Nullable(Decimal(38, 2)) COMMENT 'units held at the close before, times the change of the price | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    fx_base Nullable(Decimal(38, 2)) COMMENT 'the same units and cash, times the change of the exchange rate | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    new_trades_base Nullable(Decimal(38, 2)) COMMENT 'units traded since, from their price to the close | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    income_base Nullable(Decimal(38, 2)) COMMENT 'dividends and interest | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    fees_base Nullable(Decimal(38, 2)) COMMENT 'fees and taxes, negative | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    rounding_base Nullable(Decimal(38, 2)) COMMENT 'what rounding each worth and cost to minor units adds | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    unexplained_base Nullable(Decimal(38, 2)) COMMENT 'units that came or went without a transaction, at the close | unit: money | currency: base_currency | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    gain_share Nullable(Float64) COMMENT 'total_base over value_before_base; absent where unmeasured or worth nothing | unit: share | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    basis String COMMENT 'where the units of the close before are from: copy (silver.positions_v1), or undone (today\'s less trades) | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    reason String COMMENT 'why the portfolio\'s day is unmeasured; empty where it is measured | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published',
    run_id String COMMENT 'run manifest that recomputes these rows | unit: text | currency: none | grain: business_date, portfolio_id | source: gold.pnl_explain_v1 | refresh: when risk_daily of a business date is published'
)
AS
SELECT
    explained.business_date AS business_date,
    explained.portfolio_id AS portfolio_id,
    any(explained.portfolio_name) AS portfolio_name,
    any(explained.base_currency) AS base_currency,
    max(explained.previous_date) AS previous_date,
    countIf(explained.item_kind != 'portfolio') AS items,
    sum(explained.value_before_base) AS value_before_base,
    sum(explained.value_after_base) AS value_after_base,
    sum(explained.total_base) AS total_base,
    sum(explained.price_base) AS price_base,
    sum(explained.fx_base) AS fx_base,
    sum(explained.new_trades_base) AS new_trades_base,
    sum(explained.income_base) AS income_base,
    sum(explained.fees_base) AS fees_base,
    sum(explained.rounding_base) AS rounding_base,
    sum(explained.unexplained_base) AS unexplained_base,
    if(value_before_base = 0, NULL, toFloat64(total_base) / toFloat64(value_before_base)) AS gain_share,
    any(explained.basis) AS basis,
    any(explained.reason) AS reason,
    any(explained.run_id) AS run_id
FROM pnl_explain_v1 AS explained
GROUP BY business_date, portfolio_id
COMMENT 'What every portfolio gained or lost since the close before, and of what: price, exchange rates, trades, income, fees, and what its transactions do not explain. Numbers are NULL where the day could not be explained, and reason says why.';
