"""Defects of daily bars: every planted one is found and few others, and what the real file is known to hold."""

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from lakehouse.cli.quality import UnreadableBars, scan_file
from lakehouse.quality.bars import Bars, Defect, Kind, defects, rolling_median
from lakehouse.quality.table import BarColumns, scan
from lakehouse.settings import project_root

FILE = project_root().parent / "shared" / "market" / "us_equities_daily_2013_2016.csv.gz"
SESSIONS = np.arange("2013-01-01", "2015-01-01", dtype="datetime64[D]")
DAYS = np.array([day for day in SESSIONS if np.is_busday(day)])


def market(seed: int, symbol: str = "X") -> Bars:
    """Two years of bars as a market makes them: fat tails, moves that come with volume, opens inside the range."""
    random = np.random.default_rng(seed)
    returns = 0.012 * random.standard_t(4, DAYS.size) / np.sqrt(2)
    close = 50 * np.exp(np.cumsum(returns))
    before = np.concatenate(([50.0], close[:-1]))
    opened = before * (close / before) ** random.uniform(0, 1, DAYS.size)
    reach = np.exp(np.abs(random.normal(0, 0.005, DAYS.size)))
    volume = np.round(1e6 * np.exp(random.normal(0, 0.3, DAYS.size)) * (1 + np.abs(returns) / 0.01))
    high, low = np.maximum(opened, close) * reach, np.minimum(opened, close) / reach
    return Bars(symbol, DAYS, opened, high, low, close, volume)


def changed(bars: Bars, at: int, **values: float) -> Bars:
    """`bars` with other values at one place."""
    columns = {name: getattr(bars, name).copy() for name in values}
    for name, value in values.items():
        columns[name][at] = value
    return replace(bars, **columns)


def scaled(bars: Bars, start: int, end: int | None, factor: float) -> Bars:
    """`bars` with their prices multiplied from `start` to before `end`."""
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in columns.values():
        values[start:end] *= factor
    return replace(bars, **columns)


def without(bars: Bars, start: int, end: int) -> Bars:
    keep = np.r_[0:start, end : bars.days.size]
    names = ("days", "open", "high", "low", "close", "volume")
    return Bars(bars.symbol, *(getattr(bars, name)[keep] for name in names))


def planted(bars: Bars, at: int) -> Iterator[tuple[Kind, Bars]]:
    yield Kind.MISSING_PRICE, changed(bars, at, open=np.nan)
    yield Kind.MISSING_PRICE, changed(bars, at, open=np.nan, high=np.nan, low=np.nan)
    yield Kind.HIGH_BELOW_LOW, changed(bars, at, high=bars.low[at], low=bars.high[at])
    yield Kind.NO_VOLUME, changed(bars, at, volume=0)
    yield Kind.THIN_VOLUME, changed(bars, at, volume=300)
    yield Kind.OUTSIDE_RANGE, changed(bars, at, open=bars.high[at] * 1.03)
    yield Kind.OUTSIDE_RANGE, changed(bars, at, close=bars.low[at] * 0.99)
    yield Kind.MISSING_SESSIONS, without(bars, at, at + 3)
    other = {name: getattr(bars, name)[at - 20] for name in ("open", "high", "low", "close", "volume")}
    yield Kind.REPEATED_BAR, changed(bars, at, **other)
    quiet = changed(bars, at, volume=1.2e6)
    yield Kind.BAD_PRINT, changed(scaled(quiet, at, at + 1, 0.5), at + 1, volume=1.1e6)
    for factor in (0.5, 0.6, 2.0):
        yield Kind.UNADJUSTED_ACTION, scaled(quiet, at, None, factor)


def on(found: tuple[Defect, ...], bars: Bars, at: int) -> set[Kind]:
    day = bars.days[min(at, bars.days.size - 1)].item()
    return {defect.kind for defect in found if defect.day == day}


class TestPlanted:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("at", [40, 250, 480])
    def test_every_planted_defect_is_found_where_it_is(self, seed: int, at: int) -> None:
        for kind, bars in planted(market(seed), at):
            assert kind in on(defects(bars, DAYS), bars, at), (kind, at)

    def test_markets_without_defects_raise_few_alarms(self) -> None:
        found = [defect for seed in range(40) for defect in defects(market(1000 + seed), DAYS)]
        assert len(found) <= 40 * DAYS.size / 10_000, found

    def test_news_with_volume_is_no_defect(self) -> None:
        bars = market(7)
        fell = scaled(bars, 250, None, 0.8)
        assert Kind.UNADJUSTED_ACTION in on(defects(changed(fell, 250, volume=1e6), DAYS), bars, 250)
        assert on(defects(changed(fell, 250, volume=2e7), DAYS), bars, 250) == set()
        spike = scaled(bars, 250, 251, 0.85)
        assert on(defects(changed(spike, 250, volume=8e6), DAYS), bars, 250) == set()


class TestScan:
    def test_many_instruments_in_any_order_are_judged_one_by_one(self) -> None:
        names = ("A", "B", "C")
        made = [market(seed, name) for seed, name in enumerate(names)]
        made[1] = without(changed(made[1], 100, volume=0), 200, 202)
        rows = np.random.default_rng(1).permutation(sum(bars.days.size for bars in made))
        columns = BarColumns(
            np.concatenate([np.full(bars.days.size, bars.symbol) for bars in made])[rows],
            np.concatenate([bars.days for bars in made])[rows],
            *(
                np.concatenate([getattr(bars, name) for bars in made])[rows]
                for name in ("open", "high", "low", "close", "volume")
            ),
        )
        found = scan(columns)
        assert found == tuple(defect for bars in made for defect in defects(bars, DAYS))
        assert {(defect.symbol, defect.kind) for defect in found} >= {
            ("B", Kind.NO_VOLUME),
            ("B", Kind.MISSING_SESSIONS),
        }

    def test_a_day_that_comes_twice_is_refused(self) -> None:
        bars = market(1)
        doubled = {name: np.tile(getattr(bars, name), 2) for name in ("days", "open", "high", "low", "close", "volume")}
        with pytest.raises(ValueError, match="X: days must ascend"):
            scan(BarColumns(np.full(2 * DAYS.size, "X"), **doubled))

    def test_no_bars_have_no_defects(self) -> None:
        none = np.array([])
        assert scan(BarColumns(np.array([], "U1"), none.astype("datetime64[D]"), none, none, none, none, none)) == ()

    def test_a_file_without_the_columns_is_refused_by_name(self, tmp_path: Path) -> None:
        path = tmp_path / "bars.csv.gz"
        path.write_bytes(gzip.compress(b"date,symbol,close\n2020-01-02,A,1\n"))
        with pytest.raises(UnreadableBars, match="is no file with the columns date, symbol, open"):
            scan_file(path)


class TestRollingMedian:
    def test_it_is_numpys_median_of_what_is_there(self) -> None:
        values = np.random.default_rng(3).normal(size=50)
        values[[3, 4, 5, 20]] = np.nan
        expected = [np.nanmedian(values[max(0, at - 3) : at + 4]) for at in range(50)]
        np.testing.assert_allclose(rolling_median(values, 7), expected)
        assert np.isnan(rolling_median(np.full(9, np.nan), 3)).all()


# Spin-offs, class distributions and special dividends by their ex-dates, as the companies announced them.
ACTIONS = {
    ("TDG", date(2013, 7, 11)), ("IR", date(2013, 12, 2)), ("OKE", date(2014, 2, 3)), ("DOV", date(2014, 3, 3)),
    ("TDG", date(2014, 6, 12)), ("DISCA", date(2014, 8, 7)), ("DISCK", date(2014, 8, 7)), ("ADP", date(2014, 10, 1)),
    ("A", date(2014, 11, 3)), ("KLAC", date(2014, 11, 26)), ("BAX", date(2015, 7, 1)), ("MAS", date(2015, 7, 1)),
    ("NI", date(2015, 7, 2)), ("EBAY", date(2015, 7, 20)), ("VTR", date(2015, 8, 18)), ("DRI", date(2015, 11, 10)),
    ("EQR", date(2016, 3, 1)), ("SYMC", date(2016, 3, 4)), ("DHR", date(2016, 7, 5)), ("ARNC", date(2016, 11, 1)),
    ("YUM", date(2016, 11, 1)), ("CAG", date(2016, 11, 10)),
}  # fmt: skip


@pytest.mark.skipif(not FILE.is_file(), reason="the shared market file is not on this machine")
class TestRealFile:
    def test_its_known_defects_are_found_with_few_false_alarms(self) -> None:
        found = scan_file(FILE)
        counts = Counter(defect.kind for defect in found)
        assert (counts[Kind.MISSING_PRICE], counts[Kind.HIGH_BELOW_LOW], counts[Kind.NO_VOLUME]) == (10, 1, 4)
        at = {(defect.kind, defect.symbol, defect.day) for defect in found}
        assert {
            (Kind.HIGH_BELOW_LOW, "AOS", date(2014, 5, 19)),
            (Kind.BAD_PRINT, "LNT", date(2016, 5, 19)),
            (Kind.OUTSIDE_RANGE, "CHD", date(2014, 5, 19)),
            (Kind.NO_VOLUME, "FTV", date(2016, 7, 1)),
        } <= at
        actions = {(symbol, day) for kind, symbol, day in at if kind is Kind.UNADJUSTED_ACTION}
        assert actions >= ACTIONS
        assert actions - ACTIONS == {("ETN", date(2014, 7, 28))}
        # Bars of another session, number by number: what the file's description does not say.
        assert counts.pop(Kind.REPEATED_BAR) == 552
        assert sum(counts.values()) < 110
