"""Exchange rates of the lake, for risk, stress and rebalancing alike: what is missing is told with its remedy."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

import numpy as np
from pyspark.sql import functions as F

from lakehouse.contracts.tables.silver import FX_RATES
from lakehouse.portfolio.fx import Quoted, RateMissing, Rates
from lakehouse.risk.checks import FloatArray
from lakehouse.stores.books.history import PIVOTS
from spark_jobs.kit.holdings import Unmeasured
from spark_jobs.kit.run import Run

REMEDY = "put it by PUT /api/v1/fx-rates and run positions_daily, which copies it"
NO_RATES = Rates(())
QUOTED = ("base", "quote", "as_of", "rate")


def lake_rates(run: Run, currencies: Collection[str], years: Collection[int]) -> Rates:
    """Rates among `currencies` of `years`, none of them after the business date; none at all before the first were
    copied. The table is not read where one currency is all there is, nor for a run that did not read it."""
    if len(set(currencies)) < 2 or not _is_there(run):
        return NO_RATES
    wanted = sorted({*currencies, *PIVOTS})
    known = F.col("as_of_year").isin(*sorted(years)) & (F.col("as_of") <= F.lit(run.business_date))
    among = F.col("base").isin(*wanted) & F.col("quote").isin(*wanted)
    rows = run.read(FX_RATES).where(known & among).select(*QUOTED).toArrow().to_pylist()
    return Rates(Quoted(**row) for row in rows)


def _is_there(run: Run) -> bool:
    return FX_RATES.name in run.original.inputs if run.original else run.lake.exists(FX_RATES)


def rate_on(rates: Rates, pair: tuple[str, str], day: date) -> Decimal:
    """Units of the second currency for one of the first. Raises Unmeasured that names what is missing."""
    try:
        return rates.require(*pair, day)
    except RateMissing as error:
        raise Unmeasured(f"{error}: {REMEDY}") from error


def rates_on(rates: Rates, pair: tuple[str, str], days: Sequence[date]) -> FloatArray:
    """The same of every day: (T,). A day without a rate has the newest before it, of STALE_DAYS at most."""
    return np.array([float(rate_on(rates, pair, day)) for day in days])
