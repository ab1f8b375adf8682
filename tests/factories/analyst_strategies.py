"""Strategies in the analysts' marts, made up, and the answers to the questions about them."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from tests.factories.rows import Row

if TYPE_CHECKING:
    from tests.factories.analyst_marts import Marts

BENCHMARK = "hold_jpm"


def runs(first: dt.date, lasts: Sequence[dt.date]) -> list[Row]:
    """The trials of four strategies and their walk-forwards, for which the history of one of them is too short. Of
    each, the trial that is not the best one looks better in every other number; sharper as time goes on."""
    return list(_runs(first, lasts))


def relative(lasts: Sequence[dt.date]) -> list[Row]:
    """Two walk-forwards against the third one; better as time goes on. A trial's numbers are none of theirs."""
    return list(_relative(lasts))


def believable(marts: "Marts") -> pd.DataFrame:
    """Question 18."""
    found = []
    for strategy, both in pd.DataFrame(marts.newest("gold.strategy_runs_v1")).query("is_best").groupby("strategy"):
        by_kind = both.set_index("kind")
        walked = by_kind.reindex(["walk_forward"]).iloc[0]
        trial, believed = by_kind.loc["trial"], bool(walked["deflated_sharpe"] >= 0.95)
        told = (trial["sharpe"], walked["sharpe"], walked["deflated_sharpe"], believed)
        found.append((strategy, trial["trials"], *told))
    columns = ["strategy", "variants_tried", "best_trial_sharpe", "walk_forward_sharpe", "walk_forward_deflated",
               "is_believable"]  # fmt: skip
    return pd.DataFrame(found, columns=columns).sort_values("walk_forward_deflated", ascending=False)


def fallen(marts: "Marts") -> pd.DataFrame:
    """Question 19."""
    found = []
    for symbol in ("AAPL", "JPM", "XOM"):
        closes = dict(zip(marts.dates, marts.closes[symbol], strict=True))
        depth = {day: 1 - price / max(closes[each] for each in closes if each <= day) for day, price in closes.items()}
        low = max(depth, key=lambda day: depth[day])
        peak = max((day for day in closes if day < low), key=lambda day: closes[day])
        after = [day for day in closes if day > low and closes[day] >= closes[peak]]
        made_up_for = min(after) if after else None
        found.append((f"hold_{symbol.lower()}", depth[low], peak, low, made_up_for, (low - peak).days))
    columns = ["strategy", "depth", "peak_date", "low_date", "made_up_for", "days_down"]
    return pd.DataFrame(found, columns=columns).sort_values("depth", ascending=False)


def beaten(marts: "Marts") -> pd.DataFrame:
    """Question 23."""
    ends = marts.closes.groupby([stamp.strftime("%Y-%m") for stamp in marts.dates]).last()
    growth = (ends / ends.shift()).iloc[1:]
    found = pd.DataFrame(marts.newest("gold.strategy_relative_v1")).query("kind == 'walk_forward'")
    names = [
        "strategy",
        "benchmark",
        "benchmark_return",
        "excess_return",
        "tracking_error",
        "information_ratio",
        "beta",
    ]
    ahead = [
        float((growth[name.removeprefix("hold_").upper()] > growth["JPM"]).mean())
        for name in found["strategy"].tolist()
    ]
    return found[names].assign(months_ahead=ahead).sort_values("information_ratio", ascending=False)


def _runs(first: dt.date, lasts: Sequence[dt.date]) -> Iterable[Row]:
    told = {
        "hold_aapl": (6, 1.4, {"walk_forward": (0.9, 0.97)}),
        "hold_jpm": (2, 0.8, {"walk_forward": (0.1, 0.40)}),
        "hold_ko": (3, 2.4, {}),
        "hold_xom": (12, 2.1, {"walk_forward": (1.6, 0.95)}),
    }
    for age, last in enumerate(lasts):
        for strategy, (trials, best, walked) in told.items():
            results = {"trial": (best, 0.99), **walked}
            kinds = [(kind, 0, True, *numbers) for kind, numbers in results.items()]
            for kind, trial, is_best, sharpe, deflated in (*kinds, ("trial", 1, False, 9.0, 0.999)):
                yield {
                    "business_date": last,
                    "strategy": strategy,
                    "kind": kind,
                    "trial": trial,
                    "is_best": is_best,
                    "first_date": first,
                    "last_date": last,
                    "trials": trials if is_best else 99,
                    "sharpe": sharpe + age / 10,
                    "probabilistic_sharpe": 0.9999,
                    "deflated_sharpe": deflated,
                    "run_id": "weekly",
                }


def _relative(lasts: Sequence[dt.date]) -> Iterable[Row]:
    told = {"hold_aapl": (0.12, 1.3, 0.7), "hold_xom": (-0.08, 0.9, -0.4)}
    for age, last in enumerate(lasts):
        for strategy, (excess, beta, information) in told.items():
            for kind in ("walk_forward", "trial"):
                yield {
                    "business_date": last,
                    "strategy": strategy,
                    "kind": kind,
                    "benchmark": BENCHMARK,
                    "benchmark_return": 0.05,
                    "excess_return": excess + age / 100 if kind == "walk_forward" else 9.0,
                    "beta": beta,
                    "alpha": 0.01,
                    "tracking_error": 0.2,
                    "information_ratio": information,
                    "run_id": "weekly",
                }
