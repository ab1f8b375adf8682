"""Silver's bars as the market that strategies are tested in."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.backtest.market import Market
from lakehouse.backtest.tables import BarRows, market_of
from spark_jobs.kit.run import Run

USED = ("business_date", "symbol", "open", "high", "low", "close", "volume")
SURVIVORSHIP = "all instruments of silver.daily_bars_v1 in {currency}: what ended before it was ingested is missing"


def bars(found: DataFrame, run: Run, *, years: int, currency: str) -> DataFrame:
    """The bars up to the run's business date, of so many calendar years and one currency."""
    first = run.business_date.year - years
    wanted = F.col("business_year").between(first, run.business_date.year) & (F.col("currency") == F.lit(currency))
    return found.where(wanted & (F.col("business_date") <= F.lit(run.business_date))).select(*USED)


def market(rows: pa.Table, *, history_days: int, currency: str) -> Market:
    """The last `history_days` days of the bars. Raises BadMarket."""
    numbers = {name: pc.cast(rows[name], pa.float64()).to_numpy() for name in USED[2:]}
    dates, symbols = rows["business_date"].to_numpy(), rows["symbol"].to_numpy().astype(np.str_)
    found = market_of(
        BarRows(dates=dates, symbols=symbols, **numbers), survivorship=SURVIVORSHIP.format(currency=currency)
    )
    return found.between(max(0, found.days - history_days), found.days)
