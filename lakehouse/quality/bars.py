"""Defects of daily bars: what is missing, contradicts itself, or jumps as only bad or unadjusted data does.

Nothing here corrects a bar: a defect is a statement about one bar of one instrument, with the numbers behind it, so
that a person can judge it. Scales are medians over a window centred on the bar (median absolute deviation times
1.4826, consistent for the normal distribution: Rousseeuw and Croux, 1993, doi:10.1080/01621459.1993.10476408), so that
neither one wild bar nor a wild year of another instrument moves the bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]

NORMAL_CONSISTENT = 1.4826


class Kind(StrEnum):
    """What is wrong with a bar."""

    MISSING_PRICE = "missing_price"
    HIGH_BELOW_LOW = "high_below_low"
    OUTSIDE_RANGE = "outside_range"
    NO_VOLUME = "no_volume"
    THIN_VOLUME = "thin_volume"
    MISSING_SESSIONS = "missing_sessions"
    REPEATED_BAR = "repeated_bar"
    BAD_PRINT = "bad_print"
    UNADJUSTED_ACTION = "unadjusted_action"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the unusual begins. Returns are natural logarithms of price ratios.

    A bad print is a close that leaves its neighbours by `print_scales` robust deviations (and `print_return` at least),
    comes back the next day but for `print_rest` of the way, and moves no more than `print_volume` times the usual
    volume on either day: news that is taken back moves volume. An unadjusted action is an overnight gap of
    `gap_return` at least, whose size in robust deviations is `gap_scales` at least and `gap_per_volume` times the
    volume (in medians) at least: news of that size moves more volume than a company's split or spin-off does. At that
    close between `gap_kept` - 1 and `gap_kept` + 1 times the gap are left of it, at the next `gap_left` of it at least.
    """

    window: int = 61
    scale_floor: float = 0.005
    print_scales: float = 5.0
    print_return: float = 0.05
    print_rest: float = 0.4
    print_volume: float = 2.0
    gap_return: float = 0.1
    gap_scales: float = 8.0
    gap_per_volume: float = 3.0
    gap_kept: float = 1.75
    gap_left: float = 0.5
    thin_share: float = 0.02


USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Bars:
    """One instrument's bars in order of time: `days` strictly ascending; a price or volume that is absent is NaN.

    Prices are in currency per unit; closes are positive. Raises ValueError for arrays of other shapes or order.
    """

    symbol: str
    days: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        if any(found.shape != self.days.shape for found in (self.open, self.high, self.low, self.close, self.volume)):
            raise ValueError(f"{self.symbol}: a bar needs a value or NaN in every column")
        if self.days.ndim != 1 or (np.diff(self.days.astype(np.int64)) <= 0).any():
            raise ValueError(f"{self.symbol}: days must ascend, each once")
        if not (self.close > 0).all():
            raise ValueError(f"{self.symbol}: every close must be above zero")


@dataclass(frozen=True, slots=True, order=True)
class Defect:
    """One statement about one bar. `detail` has the numbers."""

    symbol: str
    day: date
    kind: Kind
    detail: str


def defects(bars: Bars, sessions: Days, limits: Limits = USUAL) -> tuple[Defect, ...]:
    """What is wrong with `bars`, by day and kind. `sessions`: the days on which the market was open, ascending; days
    between the instrument's first and last bar that are sessions without a bar are missing."""
    found = [*_incomplete(bars), *_inverted(bars), *_outside(bars), *_missing_sessions(bars, sessions)]
    if bars.days.size > 1:
        found += [*_repeated(bars), *_by_scale(bars, limits)]
    return tuple(sorted(found))


def rolling_median(values: Floats, window: int) -> Floats:
    """The median of the finite values in a window centred on each position, shorter at the ends; NaN where there are
    none. `window` is odd. Shape of `values`."""
    half = window // 2
    padded = np.concatenate((np.full(half, np.nan), values, np.full(half, np.nan)))
    frames = sliding_window_view(padded, window)
    counts = np.isfinite(frames).sum(axis=1)
    ordered = np.sort(frames, axis=1)  # NaN sorts last
    rows = np.arange(values.size)
    low = ordered[rows, np.maximum(counts - 1, 0) // 2]
    high = ordered[rows, counts // 2 % window]
    return np.where(counts > 0, (low + np.where(counts % 2, low, high)) / 2, np.nan)


def _incomplete(bars: Bars) -> Iterator[Defect]:
    columns = {"open": bars.open, "high": bars.high, "low": bars.low}
    absent = {name: np.isnan(values) for name, values in columns.items()}
    for at in np.flatnonzero(np.logical_or.reduce(list(absent.values()))):
        names = ", ".join(name for name, missing in absent.items() if missing[at])
        yield _defect(bars, at, Kind.MISSING_PRICE, f"no {names}")
    for at in np.flatnonzero(~(bars.volume > 0)):
        yield _defect(bars, at, Kind.NO_VOLUME, f"volume {bars.volume[at]:g}, close {bars.close[at]:g}")


def _inverted(bars: Bars) -> Iterator[Defect]:
    for at in np.flatnonzero(bars.high < bars.low):
        yield _defect(bars, at, Kind.HIGH_BELOW_LOW, f"high {bars.high[at]:g} is below low {bars.low[at]:g}")


def _outside(bars: Bars) -> Iterator[Defect]:
    bottom, top = np.fmin(bars.low, bars.high), np.fmax(bars.low, bars.high)
    slack = 1e-4
    for name, price in (("open", bars.open), ("close", bars.close)):
        for at in np.flatnonzero((price < bottom * (1 - slack)) | (price > top * (1 + slack))):
            told = f"{name} {price[at]:g} is outside of {bottom[at]:g} to {top[at]:g}"
            yield _defect(bars, at, Kind.OUTSIDE_RANGE, told)


def _missing_sessions(bars: Bars, sessions: Days) -> Iterator[Defect]:
    place = np.searchsorted(sessions, bars.days)
    for at in np.flatnonzero(np.diff(place) > 1):
        missing = int(place[at + 1] - place[at] - 1)
        yield _defect(bars, at + 1, Kind.MISSING_SESSIONS, f"{missing} sessions before it have no bar")


def _repeated(bars: Bars) -> Iterator[Defect]:
    """Bars that are another day's: all four prices and the volume are equal. Of these the one that goes best with the
    bars beside it is taken for the true one."""
    rows = np.column_stack((bars.open, bars.high, bars.low, bars.close, bars.volume))
    whole = np.flatnonzero(np.isfinite(rows).all(axis=1) & (bars.volume > 0) & (bars.high > bars.low))
    if not whole.size:
        return
    _, group, counts = np.unique(rows[whole], axis=0, return_inverse=True, return_counts=True)
    opened = np.abs(np.log(bars.open[1:] / bars.close[:-1]))
    misfit = np.nan_to_num(np.concatenate(([0.0], opened)) + np.concatenate((opened, [0.0])))
    for number in np.flatnonzero(counts > 1):
        at = whole[np.ravel(group) == number]
        true = at[np.argmin(misfit[at])]
        for copy in at[at != true]:
            told = f"prices and volume are those of {_day(bars, true)}, close {bars.close[copy]:g}"
            yield _defect(bars, copy, Kind.REPEATED_BAR, told)


def _by_scale(bars: Bars, limits: Limits) -> Iterator[Defect]:
    returns = np.concatenate(([np.nan], np.diff(np.log(bars.close))))
    middle = rolling_median(returns, limits.window)
    scale = NORMAL_CONSISTENT * rolling_median(np.abs(returns - middle), limits.window)
    scale = np.maximum(scale, limits.scale_floor)
    activity = bars.volume / rolling_median(np.where(bars.volume > 0, bars.volume, np.nan), limits.window)
    with np.errstate(invalid="ignore"):
        thin = (activity < limits.thin_share) & (bars.volume > 0)
    for at in np.flatnonzero(thin):
        yield _defect(bars, at, Kind.THIN_VOLUME, f"volume {bars.volume[at]:g} is {activity[at]:.4f} of the median")
    yield from _bad_prints(bars, returns, scale, activity, limits)
    yield from _gaps(bars, scale, activity, limits)


def _bad_prints(bars: Bars, returns: Floats, scale: Floats, activity: Floats, limits: Limits) -> Iterator[Defect]:
    back = np.concatenate((returns[1:], [np.nan]))
    calm = np.fmax(activity, np.concatenate((activity[1:], [np.nan]))) <= limits.print_volume
    least = np.minimum(np.abs(returns), np.abs(back))
    far = (least > limits.print_scales * scale) & (np.maximum(np.abs(returns), np.abs(back)) > limits.print_return)
    returned = np.abs(returns + back) < limits.print_rest * np.abs(returns)
    for at in np.flatnonzero(calm & far & returned):
        told = f"close {bars.close[at - 1]:g}, {bars.close[at]:g}, {bars.close[at + 1]:g}, {activity[at]:.1f}x volume"
        yield _defect(bars, at, Kind.BAD_PRINT, told)


def _gaps(bars: Bars, scale: Floats, activity: Floats, limits: Limits) -> Iterator[Defect]:
    before = np.concatenate(([np.nan], bars.close[:-1]))
    overnight = np.log(bars.open / before)
    through = np.log(bars.close / before)
    scales = np.abs(overnight) / scale
    with np.errstate(invalid="ignore", divide="ignore"):
        # What opens far away and comes back, at the close or by the next, was no action of a company.
        later = np.log(np.concatenate((bars.close[1:], bars.close[-1:])) / before)
        stays = (np.abs(through / overnight - limits.gap_kept) <= 1.0) & (later / overnight >= limits.gap_left)
        quiet = scales >= limits.gap_per_volume * np.maximum(activity, 1.0)
        found = (np.abs(overnight) >= limits.gap_return) & (scales >= limits.gap_scales) & quiet & stays
    prints = {defect.day for defect in _bad_prints(bars, through, scale, activity, limits)}
    for at in np.flatnonzero(found):
        if prints & {_day(bars, at), _day(bars, at - 1)}:
            continue
        told = f"opened at {bars.open[at]:g} after {before[at]:g}, {scales[at]:.0f} robust deviations"
        yield _defect(bars, at, Kind.UNADJUSTED_ACTION, f"{told}, {activity[at]:.1f}x volume")


def _defect(bars: Bars, at: int | np.intp, kind: Kind, detail: str) -> Defect:
    return Defect(bars.symbol, _day(bars, at), kind, detail)


def _day(bars: Bars, at: int | np.intp) -> date:
    return cast("date", bars.days[at].astype("datetime64[D]").item())
