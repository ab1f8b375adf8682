"""From prices to returns: instruments aligned on common dates, anything doubtful refused."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import BoolArray, FloatArray, RiskError, ShapeMismatch, finite_matrix, require_history

DateArray = npt.NDArray[np.datetime64]
NO_EVENT = 1e-9
"""A return this near to that of its two prices differs by rounding alone."""


class InvalidPrice(RiskError):
    """A price is zero or negative. Carries its `value` and where it stands."""

    def __init__(self, value: float, where: str) -> None:
        self.value, self.where = value, where
        super().__init__(f"price {value} at {where}: prices must be positive; quarantine the row")


class DuplicatePrice(RiskError):
    """Two prices of one instrument on one date. Carries `symbol` and `date`."""

    def __init__(self, symbol: str, date: str) -> None:
        self.symbol, self.date = symbol, date
        super().__init__(f"{symbol} has more than one price on {date}: de-duplicate before aligning")


@dataclass(frozen=True, slots=True)
class AlignedPrices:
    """Prices of N instruments on the T dates that all of them have.

    `dates` (T,) ascending; `symbols` sorted; `prices` (T, N); `dropped` counts the dates that at least one lacked.
    """

    dates: DateArray
    symbols: tuple[str, ...]
    prices: FloatArray
    dropped: int


def simple_returns(prices: npt.ArrayLike) -> FloatArray:
    """price / previous price - 1: (T, N) prices, oldest first -> (T-1, N), a fraction (0.01 is 1 %).

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidPrice, InsufficientHistory below two prices.
    """
    checked = _positive_prices(prices)
    return checked[1:] / checked[:-1] - 1.0


def log_returns(prices: npt.ArrayLike) -> FloatArray:
    """ln(price / previous price): (T, N) prices, oldest first -> (T-1, N). They add over time, not over instruments.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidPrice, InsufficientHistory below two prices.
    """
    checked = _positive_prices(prices)
    logs: FloatArray = np.log(checked[1:] / checked[:-1])
    return logs


def align(*, symbols: npt.ArrayLike, dates: npt.ArrayLike, prices: npt.ArrayLike, required: int = 2) -> AlignedPrices:
    """Prices in rows (one a symbol and date, any order) as a matrix over the dates that every symbol has.

    symbols (M,) text, dates (M,) days, prices (M,) currency per unit. A date missing for any instrument is dropped
    for all: filling it would invent a zero return, and leaving the instrument's return over two days would mix
    horizons. So take returns after aligning, not before. `required`: fewest common dates to accept.
    NaN policy: refused. Raises ShapeMismatch, NonFinite, InvalidPrice, DuplicatePrice, InsufficientHistory.
    """
    names, days = np.asarray(symbols, dtype=np.str_), np.asarray(dates, dtype="datetime64[D]")
    values = _positive_prices(np.asarray(prices, dtype=np.float64).reshape(-1, 1), fewest=0)[:, 0]
    if not names.shape == days.shape == values.shape:
        raise ShapeMismatch(f"symbols {names.shape}, dates {days.shape} and prices {values.shape} differ in length")
    listed, column = np.unique(names, return_inverse=True)
    calendar, row = np.unique(days, return_inverse=True)
    _refuse_duplicates(names, days, row * max(1, len(listed)) + column)
    matrix = np.full((len(calendar), len(listed)), np.nan)
    matrix[row, column] = values
    common = ~np.isnan(matrix).any(axis=1) if len(listed) else np.zeros(0, dtype=np.bool_)
    kept = int(common.sum())
    require_history(kept, required, f"dates common to all of {len(listed)} instruments")
    return AlignedPrices(
        dates=calendar[common],
        symbols=tuple(str(name) for name in listed),
        prices=matrix[common],
        dropped=len(calendar) - kept,
    )


def comparable(
    *,
    symbols: npt.ArrayLike,
    dates: npt.ArrayLike,
    previous: npt.ArrayLike,
    prices: npt.ArrayLike,
    returns: npt.ArrayLike,
) -> FloatArray:
    """Prices in rows (one a symbol and date, any order) as they compare with the last one of their symbol.

    symbols (M,) text; dates (M,) days, and previous (M,) the day of the price that each of the simple returns (M,)
    starts from; prices (M,) as they were traded. Where a return is not that of the two prices, something happened
    between them (a split, a dividend, a spin-off), and every earlier price is scaled by the difference: a split is no
    loss. Prices without such an event stay what they are to the last bit. A return from another day than the row
    before says nothing. Returns (M,) currency per unit, in the order given. Raises ShapeMismatch, NonFinite,
    InvalidPrice.
    """
    names, days = np.asarray(symbols, dtype=np.str_), np.asarray(dates, dtype="datetime64[D]")
    values = _positive_prices(np.asarray(prices, dtype=np.float64).reshape(-1, 1), fewest=0)[:, 0]
    start, moves = np.asarray(previous, dtype="datetime64[D]"), np.asarray(returns, dtype=np.float64)
    if not names.shape == days.shape == start.shape == values.shape == moves.shape:
        raise ShapeMismatch(f"{len(names)} symbols with {len(days)} dates, {len(values)} prices, {len(moves)} returns")
    order = np.lexsort((days, names))
    names, days, start = names[order], days[order], start[order]
    levels, growth = values[order], 1.0 + moves[order]
    follows = (names[1:] == names[:-1]) & (start[1:] == days[:-1])
    event = np.where(follows, growth[1:] * levels[:-1] / levels[1:], 1.0)
    for at in np.flatnonzero(np.abs(event - 1.0) > NO_EVENT):
        levels[np.searchsorted(names, names[at]) : at + 1] /= event[at]
    found = np.empty_like(levels)
    found[order] = levels
    return found


def unbroken(*, symbols: npt.ArrayLike, dates: npt.ArrayLike, previous: npt.ArrayLike) -> BoolArray:
    """Which rows (one a symbol and date, any order) belong to the newest part of their symbol without a gap: (M,).

    symbols (M,) text; dates (M,) days, and previous (M,) the day that each row's return starts from. Where that is not
    the day of the row before, nobody knows what happened between the two (a year without a price, another currency):
    the series begins anew, and what was before it is not comparable. Raises ShapeMismatch.
    """
    names, days = np.asarray(symbols, dtype=np.str_), np.asarray(dates, dtype="datetime64[D]")
    start = np.asarray(previous, dtype="datetime64[D]")
    if not names.shape == days.shape == start.shape:
        raise ShapeMismatch(f"{len(names)} symbols with {len(days)} dates and {len(start)} dates before them")
    order = np.lexsort((days, names))
    names, days, start = names[order], days[order], start[order]
    begins = np.ones(len(names), dtype=np.bool_)
    begins[1:] = (names[1:] != names[:-1]) | (start[1:] != days[:-1])
    # Row numbers of beginnings only go up, so the newest one of a symbol is its largest.
    newest = np.maximum.accumulate(np.where(begins, np.arange(len(names)), 0))
    last = newest[np.searchsorted(names, names, side="right") - 1]
    found = np.empty(len(names), dtype=np.bool_)
    found[order] = np.arange(len(names)) >= last
    return found


def _positive_prices(prices: npt.ArrayLike, fewest: int = 2) -> FloatArray:
    matrix = finite_matrix("prices", prices)
    require_history(len(matrix), fewest, "prices for returns")
    if (matrix <= 0).any():
        row, column = (int(i) for i in np.argwhere(matrix <= 0)[0])
        raise InvalidPrice(float(matrix[row, column]), f"row {row}, column {column}")
    return matrix


def _refuse_duplicates(names: npt.NDArray[np.str_], days: DateArray, cell: npt.NDArray[np.intp]) -> None:
    _, first, count = np.unique(cell, return_index=True, return_counts=True)
    if (count > 1).any():
        where = int(first[count > 1][0])
        raise DuplicatePrice(str(names[where]), str(days[where]))
