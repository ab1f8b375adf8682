"""Returns of many names as samples on a common calendar, and the gold table that they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.backtest.market import IntArray
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import S3Settings
from lakehouse.stores import delta
from ml.features.returns import LEAST_RETURNS, next_returns, samples


class HistoryError(TidemarkError):
    """The table holds too little to train on, or nothing at all."""

    exit_code = JobExit.DATA


class LakeError(TidemarkError):
    """The object store did not answer."""

    exit_code = JobExit.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class History:
    """Daily log returns by symbol with their dates, oldest first, from `table` at `delta_version`."""

    delta_version: int
    series: Mapping[str, tuple[np.ndarray[tuple[int], np.dtype[np.datetime64]], FloatArray]]


@dataclass(frozen=True, slots=True)
class Panel:
    """N samples of all names, in the order of names and days. `day` (N,) is a place in `dates` (D,), `name` (N,) one in
    `symbols` and `series`, `place` (N,) one in that name's series. `following` (N,) is the log return of its next day.
    """

    symbols: tuple[str, ...]
    dates: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    inputs: FloatArray
    scale: FloatArray
    following: FloatArray
    day: IntArray
    name: IntArray
    series: tuple[FloatArray, ...]
    place: IntArray


def read(section: S3Settings, *, until: date, years: int, delta_version: int | None = None) -> History:
    """The last `years` of gold.returns_daily_v1 up to `until`, at a pinned version (the newest where none is given).

    Raises HistoryError where there is nothing, LakeError.
    """
    try:
        found = delta.open_table(section, RETURNS_DAILY, version=delta_version)
        first_year = until.year - years
        rows = found.to_pyarrow_table(
            columns=["symbol", "business_date", "log_return"],
            filters=[("business_year", ">=", first_year), ("business_year", "<=", until.year)],
        )
    except TableNotFoundError as error:
        raise HistoryError(f"{RETURNS_DAILY.name} was not written yet: `tidemark run returns_daily`") from error
    except (DeltaError, OSError) as error:
        raise LakeError(f"{section.endpoint_url} does not answer: {error}") from error
    return History(found.version(), _by_symbol(rows, until, until.replace(year=first_year, day=min(until.day, 28))))


def panel(history: History, *, least_returns: int) -> Panel:
    """Samples of every name with `least_returns`, each with a next return. Raises HistoryError for none."""
    least = max(least_returns, LEAST_RETURNS + 1)
    kept = {symbol: found for symbol, found in sorted(history.series.items()) if len(found[1]) >= least}
    if not kept:
        raise HistoryError(f"no name has {least} daily returns in {RETURNS_DAILY.name}: nothing can be trained")
    dates = np.unique(np.concatenate([days for days, _ in kept.values()]))
    parts: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]] = {
        part: [] for part in ("inputs", "scale", "following")
    }
    days: list[IntArray] = []
    names: list[IntArray] = []
    places: list[IntArray] = []
    for number, (own, series) in enumerate(kept.values()):
        made = samples(series)
        known = slice(0, len(made.places) - 1)  # the last day's next return is not known
        parts["inputs"].append(made.inputs[known])
        parts["scale"].append(made.scale[known])
        parts["following"].append(next_returns(series, made)[known])
        places.append(made.places[known])
        days.append(np.searchsorted(dates, own[made.places[known]]))
        names.append(np.full(len(places[-1]), number))
    joined = {part: np.concatenate(each) for part, each in parts.items()}
    return Panel(
        tuple(kept),
        dates,
        joined["inputs"],
        joined["scale"],
        joined["following"],
        np.concatenate(days),
        np.concatenate(names),
        tuple(series for _, series in kept.values()),
        np.concatenate(places),
    )


def _by_symbol(
    rows: pa.Table, until: date, since: date
) -> dict[str, tuple[np.ndarray[tuple[int], np.dtype[np.datetime64]], FloatArray]]:
    within = pc.and_(
        pc.less_equal(rows["business_date"], pa.scalar(until)),
        pc.greater_equal(rows["business_date"], pa.scalar(since)),
    )
    ordered = rows.filter(within).sort_by([("symbol", "ascending"), ("business_date", "ascending")])
    symbols = ordered["symbol"].to_numpy()
    dates = ordered["business_date"].to_numpy().astype("datetime64[D]")
    returns = ordered["log_return"].to_numpy()
    starts = np.flatnonzero(np.append(True, symbols[1:] != symbols[:-1])) if len(symbols) else np.array([], dtype=int)
    ends: Sequence[int] = [*starts[1:], len(symbols)]
    return {
        str(symbols[start]): (dates[start:end], np.asarray(returns[start:end], dtype=np.float64))
        for start, end in zip(starts, ends, strict=True)
    }
