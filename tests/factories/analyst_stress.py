"""Stress and explained days of the analysts' marts: from the same real closes, with what could not be measured."""

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lakehouse.contracts.tables.stress import PARTS
from tests.factories.analyst_measures import cents
from tests.factories.rows import Row

if TYPE_CHECKING:
    from tests.factories.analyst_marts import Marts, Portfolio

CRASH = (dt.date(2020, 2, 19), dt.date(2020, 3, 23))
NO_CLOSES = "no closes of AAPL from 1987-10-13 to 1987-10-19 in the lake"
NO_CLOSE = "XOM has no close of the day before"
DIVIDEND, FEE = Decimal("12.34"), Decimal("-1.00")


def crash(marts: "Marts", portfolio: "Portfolio", at: int) -> np.ndarray:
    """What the holdings at close `at` would gain by each close of the crash after its first."""
    first, last = (marts.dates.index(day) for day in CRASH)
    prices = marts.closes.to_numpy()
    exposure = np.array(portfolio.units) * prices[at]
    return np.asarray((prices[first + 1 : last + 1] / prices[first] - 1) @ exposure)


def stress(marts: "Marts", portfolios: Iterable["Portfolio"]) -> Iterable[Row]:
    """Three scenarios and a reverse one of each portfolio; one of them from before there were prices."""
    for at in marts.business_dates:
        for portfolio in portfolios:
            value, path = marts.value(portfolio, at), crash(marts, portfolio, at)
            told = {
                "business_date": marts.dates[at],
                "portfolio_id": portfolio.id,
                "portfolio_name": portfolio.name,
                "base_currency": portfolio.currency,
                "kind": "historical",
                "value_base": cents(value),
                "run_id": f"run of {marts.dates[at]}",
            }
            low = int(np.argmin(path))
            worst = {"worst_base": cents(path[low]), "worst_date": marts.dates[marts.dates.index(CRASH[0]) + 1 + low]}
            yield {**told, "scenario": "covid_2020", "pnl_base": cents(path[-1]), **worst}
            yield {**told, "scenario": "black_monday_1987", "reason": NO_CLOSES}
            yield {**told, "kind": "hypothetical", "scenario": "all_down_20", "pnl_base": cents(-0.2 * value)}
            reverse = {"kind": "reverse", "scenario": "lose_10", "pnl_base": cents(-0.1 * value), "distance": 5.0}
            yield {**told, **reverse}


def explained(marts: "Marts", portfolios: Iterable["Portfolio"], symbols: tuple[str, ...]) -> Iterable[Row]:
    """Every holding's gain by its price; a dividend and a fee; on the newest date one portfolio that has no close."""
    prices = marts.closes.to_numpy()
    for at in marts.business_dates:
        for portfolio in portfolios:
            told = {
                "business_date": marts.dates[at],
                "portfolio_id": portfolio.id,
                "portfolio_name": portfolio.name,
                "base_currency": portfolio.currency,
                "previous_date": marts.dates[at - 1],
                "run_id": f"run of {marts.dates[at]}",
            }
            if at == marts.business_dates[1] and min(portfolio.units) < 0:
                yield {**told, "previous_date": None, "item_kind": "portfolio", "reason": NO_CLOSE}
                continue
            for place, symbol in enumerate(symbols):
                before, after = (portfolio.units[place] * prices[day, place] for day in (at - 1, at))
                income, fees = (DIVIDEND, FEE) if place == 0 else (Decimal(0), Decimal(0))
                price = cents(after) - cents(before)
                yield {
                    **told,
                    **dict.fromkeys([f"{part}_base" for part in PARTS], Decimal(0)),
                    "item_kind": "instrument",
                    "item": symbol,
                    "value_before_base": cents(before),
                    "value_after_base": cents(after),
                    "price_base": price,
                    "income_base": income,
                    "fees_base": fees,
                    "total_base": price + income + fees,
                    "basis": "copy",
                }


def stressed_now(marts: "Marts", portfolios: Iterable["Portfolio"]) -> pd.DataFrame:
    """History and shocks on the newest date, each portfolio's greatest loss first, and at last what is unmeasured."""
    at = marts.business_dates[1]
    found: list[tuple[object, ...]] = []
    for portfolio in portfolios:
        value, path = marts.value(portfolio, at), crash(marts, portfolio, at)
        low = marts.dates[marts.dates.index(CRASH[0]) + 1 + int(np.argmin(path))]
        measured = [
            ("covid_2020", cents(path[-1]), cents(path.min()), low),
            ("all_down_20", cents(-0.2 * value), None, None),
        ]
        for scenario, pnl, worst, day in sorted(measured, key=lambda each: each[1]):
            share = float(pnl) / float(cents(value))
            found.append((portfolio.name, portfolio.currency, scenario, pnl, share, worst, day, ""))
        found.append((portfolio.name, portfolio.currency, "black_monday_1987", None, math.nan, None, None, NO_CLOSES))
    columns = ["portfolio_name", "base_currency", "scenario", "pnl_base", "pnl_share", "worst_base", "worst_date",
               "reason"]  # fmt: skip
    return pd.DataFrame(found, columns=columns)


def explained_now(marts: "Marts", one: "Portfolio", other: "Portfolio") -> pd.DataFrame:
    """The newest day of `one`, whose prices, dividend and fee explain it, and of `other`, which has no close."""
    closes = marts.closes.to_numpy()[-2:]
    before, after = (sum(cents(units * price) for units, price in zip(one.units, row, strict=True)) for row in closes)
    total, nothing = after - before + DIVIDEND + FEE, Decimal(0)
    parts = (after - before, nothing, nothing, DIVIDEND, FEE, nothing, nothing)
    columns = ["portfolio_name", "base_currency", "previous_date", "total_base", "gain_share",
               *(f"{part}_base" for part in PARTS), "reason"]  # fmt: skip
    rows = [
        (one.name, one.currency, marts.dates[-2], total, float(total) / float(before), *parts, ""),
        (other.name, other.currency, None, None, math.nan, *[None] * len(PARTS), NO_CLOSE),
    ]
    return pd.DataFrame(rows, columns=columns)
