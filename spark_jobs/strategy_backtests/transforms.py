"""Silver's bars as the market that strategies are tested in."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, functions as F

from lakehouse.backtest.market import Market
from lakehouse.backtest.rules import TRADING_DAYS
from lakehouse.backtest.tables import BarRows, Event, market_of, with_events
from spark_jobs.kit.run import Run
from spark_jobs.strategy_backtests.parameters import Parameters

USED = ("business_date", "symbol", "open", "high", "low", "close", "volume")
SURVIVORSHIP = "all instruments of silver.daily_bars_v1 in {currency}: what ended before it was ingested is missing"


def bars(found: DataFrame, run: Run, *, years: int, currency: str) -> DataFrame:
    """The bars up to the run's business date, of so many calendar years and one currency."""
    first = run.business_date.year - years
    wanted = F.col("business_year").between(first, run.business_date.year) & (F.col("currency") == F.lit(currency))
    return found.where(wanted & (F.col("business_date") <= F.lit(run.business_date))).select(*USED)


def market(rows: pa.Table, chosen: Parameters) -> Market:
    """The last `history_days` days of the bars, with corporate actions, interest and what delisted ones pay. Raises
    BadMarket."""
    numbers = {name: pc.cast(rows[name], pa.float64()).to_numpy() for name in USED[2:]}
    dates, symbols = rows["business_date"].to_numpy(), rows["symbol"].to_numpy().astype(np.str_)
    whole = market_of(
        BarRows(dates=dates, symbols=symbols, **numbers), survivorship=SURVIVORSHIP.format(currency=chosen.currency)
    )
    found = whole.between(max(0, whole.days - chosen.history_days), whole.days)
    priced = replace(
        found,
        cash_rate=np.full(found.days, chosen.cash_bps / 10_000 / TRADING_DAYS),
        delisting_return=np.full(len(found.symbols), chosen.delisting_return),
    )
    return with_events(priced, map(_event, chosen.actions))


def _event(told: Mapping[str, str]) -> Event:
    return Event(told["symbol"], np.datetime64(told["ex_date"], "D"), float(told["scale"]), float(told["cash"]))
