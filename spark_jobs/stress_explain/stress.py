"""Every scenario on every portfolio, as rows of gold.stress_v1 without date and run. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lakehouse.domain.money import float_cents
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.covariance import sample_covariance
from lakehouse.risk.returns import DateArray
from lakehouse.risk.reverse_stress import LossOutOfReach, linear_reverse_stress
from lakehouse.risk.scenarios import Hypothetical, Window
from lakehouse.risk.stress import MAX_GAP_DAYS, historical_stress, hypothetical_moves, stress_pnl
from spark_jobs.kit.holdings import Held, Holder, Unmeasured
from spark_jobs.stress_explain.parameters import Scenarios
from spark_jobs.stress_explain.past import FEWEST_DAYS, Past, Series
from spark_jobs.stress_explain.shocks import Reach, reach

NAMED = 3
"""Holdings that the detail of a scenario names."""
GAP = np.timedelta64(MAX_GAP_DAYS, "D")
Row = dict[str, Any]


def stress_rows(held: Held, past: Past, tried: Scenarios) -> Iterator[Row]:
    """A row for each portfolio and scenario; one that cannot be measured has a reason and no number. Shocks that are
    made up leave exchange rates where they are."""
    for window in tried.windows:
        yield from _historical(held, past, window)
    reached = reach(held.symbols, past, tried.sectors, tried.window_days)
    for scenario in tried.hypotheticals:
        yield from _hypothetical(held, scenario, reached)
    for holder in held.holders:
        yield _reverse(holder, past, tried)


def _historical(held: Held, past: Past, window: Window) -> Iterator[Row]:
    paths, lacking = _paths(held.symbols, past, window)
    known = [place for place, symbol in enumerate(held.symbols) if symbol in paths]
    exposures = held.exposures[known]
    found = None
    if known:
        dates, prices = _aligned(window, list(paths.values()))
        found = historical_stress(window, dates=dates, prices=prices, exposures=exposures)
        moves = prices[-1] / prices[0] - 1.0
    for column, holder in enumerate(held.holders):
        reason = holder.reason or _uncovered(window, holder, lacking)
        if reason or found is None:
            yield _unmeasured(holder, "historical", window.name, window.title, reason)
            continue
        parts = {held.symbols[place]: value for place, value in zip(known, moves * exposures[:, column], strict=True)}
        yield {
            **_row(holder, "historical", window.name, window.title),
            "pnl_base": float_cents(float(found.pnl[column])),
            "worst_base": float_cents(float(found.worst_pnl[column])),
            "worst_date": found.worst_on[column].item(),
            "first_date": found.first,
            "last_date": found.last,
            "detail": _detail(parts),
        }


def _hypothetical(held: Held, scenario: Hypothetical, reached: Reach) -> Iterator[Row]:
    moves = hypothetical_moves(scenario, reached.universe)
    pnl = stress_pnl(moves[None, :], held.exposures)[0] if held.symbols else np.zeros(len(held.holders))
    for column, holder in enumerate(held.holders):
        if reason := reached.refusal(scenario, holder):
            yield _unmeasured(holder, "hypothetical", scenario.name, scenario.title, reason)
            continue
        parts = dict(zip(held.symbols, moves * held.exposures[:, column], strict=True))
        yield {
            **_row(holder, "hypothetical", scenario.name, scenario.title),
            "pnl_base": float_cents(float(pnl[column])),
            "detail": "; ".join(filter(None, (_detail(parts), reached.note(scenario)))),
        }


def _reverse(holder: Holder, past: Past, tried: Scenarios) -> Row:
    percent = f"{tried.reverse_loss * 100:g}"
    name, title = f"lose_{percent}", f"A day that loses {percent} % of the gross value"
    if holder.reason:
        return _unmeasured(holder, "reverse", name, title, holder.reason)
    try:
        matrix = _returns_of_all(tuple(holder.exposures), past, tried.window_days)
    except Unmeasured as error:
        return _unmeasured(holder, "reverse", name, title, str(error))
    if len(matrix) < FEWEST_DAYS:
        reason = f"its holdings have {len(matrix)} days of returns in common: at least {FEWEST_DAYS} are needed"
        return _unmeasured(holder, "reverse", name, title, reason)
    exposures = np.array(list(holder.exposures.values()))
    loss = tried.reverse_loss * float(np.abs(exposures).sum())
    try:
        found = linear_reverse_stress(exposures, sample_covariance(matrix), loss=loss)
    except LossOutOfReach as error:
        return _unmeasured(holder, "reverse", name, title, str(error))
    return {
        **_row(holder, "reverse", name, title),
        "pnl_base": float_cents(found.pnl),
        "distance": found.distance,
        "detail": _detail(dict(zip(holder.exposures, found.moves * exposures, strict=True))),
    }


def _paths(lines: Sequence[str], past: Past, window: Window) -> tuple[dict[str, Series], dict[str, str]]:
    """The returns of each line in a window, and why others have none: empty where closes are missing, else the rate."""
    paths: dict[str, Series] = {}
    lacking: dict[str, str] = {}
    for line in lines:
        path = _path(past.of(line), window)
        if path is None:
            lacking[line] = ""
            continue
        try:
            paths[line] = past.in_base(line, path)
        except Unmeasured as error:
            lacking[line] = str(error)
    return paths, lacking


def _path(series: Series | None, window: Window) -> Series | None:
    """The returns of an instrument in a window; None where a close is missing at either end, or more than MAX_GAP_DAYS
    in a row between, or where a bar lies between two of its returns."""
    if series is None:
        return None
    first, last = np.datetime64(window.first, "D"), np.datetime64(window.last, "D")
    base, end = (int(np.searchsorted(series.days, day, side="right")) - 1 for day in (first, last))
    if base < 0 or end <= base or series.days[base] < first - GAP or series.days[end] < last - GAP:
        return None
    days, after = series.days[base + 1 : end + 1], series.after[base + 1 : end + 1]
    if (after != series.days[base:end]).any() or (days - after > GAP).any():
        return None
    return Series(days, after, series.returns[base + 1 : end + 1])


def _aligned(window: Window, paths: Sequence[Series]) -> tuple[DateArray, FloatArray]:
    """Prices (T, N), 1 at the window's first day, on all days that any instrument has: the last one stands until the
    next, so that a portfolio's numbers do not depend on what others hold."""
    first = np.datetime64(window.first, "D")
    calendar = np.unique(np.concatenate([np.array([first]), *(path.days for path in paths)]))
    prices = np.empty((len(calendar), len(paths)))
    for column, path in enumerate(paths):
        own = np.concatenate([[1.0], np.cumprod(1.0 + path.returns)])
        prices[:, column] = own[np.searchsorted(path.days, calendar, side="right")]
    return calendar, prices


def _returns_of_all(lines: Sequence[str], past: Past, newest: int) -> FloatArray:
    """(T, N) on the newest days that all of `lines` have, oldest first; none where one has no return at all. Raises
    Unmeasured for a rate that is missing."""
    found = [series for line in lines if (series := past.of(line)) is not None]
    if len(found) < len(lines) or not found:
        return np.zeros((0, len(lines)))
    days = found[0].days
    for each in found[1:]:
        days = np.intersect1d(days, each.days, assume_unique=True)
    days = days[-newest:]
    columns = []
    for line, each in zip(lines, found, strict=True):
        place = np.searchsorted(each.days, days)
        columns.append(past.in_base(line, Series(days, each.after[place], each.returns[place])).returns)
    return np.column_stack(columns)


def _uncovered(window: Window, holder: Holder, lacking: Mapping[str, str]) -> str:
    """Why a window cannot be measured: empty where it can."""
    missing = [line for line in holder.exposures if line in lacking]
    if rates := list(dict.fromkeys(lacking[line] for line in missing if lacking[line])):
        return rates[0]
    if not missing:
        return ""
    named = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
    return f"no closes of {named} from {window.first} to {window.last} in the lake"


def _detail(parts: Mapping[str, float]) -> str:
    worst = sorted((value, symbol) for symbol, value in parts.items() if value < 0.0)[:NAMED]
    return ", ".join(f"{symbol} {value:+,.2f}" for value, symbol in worst)


def _row(holder: Holder, kind: str, scenario: str, title: str) -> Row:
    return {
        "portfolio_id": holder.id,
        "portfolio_name": holder.name,
        "base_currency": holder.base_currency,
        "kind": kind,
        "scenario": scenario,
        "title": title,
        "value_base": holder.value,
        "detail": "",
        "reason": "",
    }


def _unmeasured(holder: Holder, kind: str, scenario: str, title: str, reason: str) -> Row:
    return {**_row(holder, kind, scenario, title), "reason": reason}
