"""Gold: the numbers that people act on. Delta is the truth, ClickHouse a copy that can be rebuilt."""

from lakehouse.contracts.model import Column, Engine, Store, Table, Type

BOTH = (Store.DELTA, Store.CLICKHOUSE)


def base_money(name: str, doc: str, *, nullable: bool = False) -> Column:
    """An amount in a portfolio's base currency, to the cent."""
    return Column(name, Type.DECIMAL, doc, nullable=nullable, unit="base currency", precision=20, scale=2)


WORTH = "quantity x close x contract multiplier x exchange rate of the date into the base currency"
RUN_ID = Column("run_id", Type.STRING, "run manifest that recomputes this row")

BARS_1M = Table(
    name="gold.bars_1m_v1",
    doc="One-minute bars of trades.",
    grain="symbol, bar_start",
    owner="market-data",
    columns=(
        Column("event_date", Type.DATE, "UTC date of bar_start: the partition"),
        Column("symbol", Type.STRING, "instrument"),
        Column("bar_start", Type.TIMESTAMP, "first instant of the minute"),
        Column("open", Type.FLOAT64, "first price by event time, then sequence", unit="currency per unit"),
        Column("high", Type.FLOAT64, "highest price", unit="currency per unit"),
        Column("low", Type.FLOAT64, "lowest price", unit="currency per unit"),
        Column("close", Type.FLOAT64, "last price by event time, then sequence", unit="currency per unit"),
        Column("volume", Type.FLOAT64, "units traded", unit="units"),
        Column(
            "vwap",
            Type.FLOAT64,
            "volume-weighted price; absent without volume",
            nullable=True,
            unit="currency per unit",
        ),
        Column("trade_count", Type.INT64, "trades in the minute"),
    ),
    key=("event_date", "symbol", "bar_start"),
    stores=BOTH,
    partition_by="event_date",
    writer=Engine.SPARK,
    checks=("high >= low", "trade_count > 0"),
)

RETURNS_DAILY = Table(
    name="gold.returns_daily_v1",
    doc="Close-to-close returns. The first bar of an instrument has none.",
    grain="symbol, business_date",
    owner="risk",
    columns=(
        Column("business_year", Type.INT32, "year of business_date: the partition"),
        Column("symbol", Type.STRING, "instrument"),
        Column("business_date", Type.DATE, "day that the return ends on"),
        Column("previous_date", Type.DATE, "day of the bar before"),
        Column("currency", Type.STRING, "ISO 4217 code of close"),
        Column("close", Type.DECIMAL, "close of business_date", unit="currency per unit", precision=18, scale=8),
        Column("simple_return", Type.FLOAT64, "close / previous close - 1"),
        Column("log_return", Type.FLOAT64, "ln(close / previous close)"),
    ),
    key=("business_year", "symbol", "business_date"),
    stores=BOTH,
    partition_by="business_year",
    writer=Engine.SPARK,
    checks=("previous_date < business_date", "simple_return > -1"),
)

PORTFOLIO_RISK = Table(
    name="gold.portfolio_risk_v1",
    doc="Value at risk and expected shortfall of every portfolio: a positive number is a loss.",
    grain="business_date, portfolio, method, confidence, horizon",
    owner="risk",
    columns=(
        Column("business_date", Type.DATE, "close that the risk is as of: the partition"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("portfolio_name", Type.STRING, "its name"),
        Column("base_currency", Type.STRING, "ISO 4217 code of the amounts"),
        Column("method", Type.STRING, "how the loss distribution is made: lakehouse.risk.methods.Method"),
        Column("confidence", Type.DECIMAL, "probability that the loss stays below var_base", precision=6, scale=5),
        Column("horizon_days", Type.INT32, "trading days ahead", unit="days"),
        base_money("value_base", f"sum of {WORTH}"),
        base_money("var_base", "value at risk, positive for a loss"),
        base_money("es_base", "expected shortfall, positive for a loss; never below var_base"),
        Column("convention", Type.STRING, "quantile and moment conventions behind the number"),
        Column("observations", Type.INT32, "daily returns used", unit="days"),
        Column("scenarios", Type.INT32, "scenarios behind the quantile"),
        Column(
            "breaches",
            Type.INT32,
            "days of the backtest whose loss exceeded the VaR forecast the day before; 0 of 0 over longer horizons",
            unit="days",
        ),
        Column("backtest_days", Type.INT32, "days of the backtest", unit="days"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "method", "confidence", "horizon_days"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("es_base >= var_base", "observations > 0", "breaches <= backtest_days"),
)

VAR_BACKTEST = Table(
    name="gold.var_backtest_v1",
    doc="One-day VaR forecasts of the last days, each made from the days before it, beside what then happened.",
    grain="business_date, portfolio, method, confidence, forecast_date",
    owner="risk",
    columns=(
        Column("business_date", Type.DATE, "close that the backtest is as of: the partition"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("method", Type.STRING, "as in gold.portfolio_risk_v1"),
        Column("confidence", Type.DECIMAL, "as in gold.portfolio_risk_v1", precision=6, scale=5),
        Column("forecast_date", Type.DATE, "day that was forecast, with returns up to the day before it"),
        base_money("var_base", "forecast, positive for a loss"),
        base_money("pnl_base", "hypothetical profit of today's holdings on forecast_date"),
        Column("is_breach", Type.BOOL, "pnl_base < -var_base"),
        RUN_ID,
    ),
    key=("business_date", "portfolio_id", "method", "confidence", "forecast_date"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("is_breach = (pnl_base < -var_base)",),
)

TABLES = (BARS_1M, RETURNS_DAILY, PORTFOLIO_RISK, VAR_BACKTEST)
