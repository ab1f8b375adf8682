"""Rolling forecasts by filtered historical simulation: GARCH refitted now and then, volatility filtered every day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.risk.checks import Confidence, FloatArray, finite_matrix, require_count
from lakehouse.risk.filtered import rescaled_pnl
from lakehouse.risk.kernels import require_one_day
from lakehouse.risk.methods import STANDARD, Conventions, at_least
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.var import historical_var
from lakehouse.risk.var_backtest import require_days
from lakehouse.risk.volatility import fit_garch

REFIT_DAYS = 20  # a month: the parameters move slowly, the volatility does not wait for them


@dataclass(frozen=True, slots=True)
class Forecasts:
    """`var` and `es` (D, P) of D days, base currency, positive for a loss."""

    var: FloatArray
    es: FloatArray


def rolling_filtered(
    pnl: npt.ArrayLike,
    *,
    confidence: Confidence,
    window: int,
    backtest_days: int,
    refit_days: int = REFIT_DAYS,
    conventions: Conventions = STANDARD,
) -> Forecasts:
    """One-day forecasts of the last `backtest_days` rows of `pnl` (T, P), each from the `window` rows before it.

    Parameters come from the window before the first of every `refit_days` days, so no day sees its own; with 1 every
    forecast is what `estimate` gives for its window. About 6 ms a portfolio and fit.
    NaN policy: refused. Raises NonFinite, ShapeMismatch, InvalidParameter, InsufficientHistory as `rolling_var` and
    `fit_garch` do.
    """
    (found,) = rolling_filtered_levels(
        pnl,
        levels=(confidence,),
        window=window,
        backtest_days=backtest_days,
        refit_days=refit_days,
        conventions=conventions,
    )
    return found


def rolling_filtered_levels(
    pnl: npt.ArrayLike,
    *,
    levels: Sequence[Confidence],
    window: int,
    backtest_days: int,
    refit_days: int = REFIT_DAYS,
    conventions: Conventions = STANDARD,
) -> tuple[Forecasts, ...]:
    """The same at several confidences, with the models fitted once. Raises as `rolling_filtered`."""
    require_one_day(conventions)
    require_count("refit_days", refit_days)
    daily = finite_matrix("pnl", pnl)
    require_days(len(daily), window, backtest_days)
    first = len(daily) - backtest_days
    found = [(np.empty((backtest_days, daily.shape[1])), np.empty((backtest_days, daily.shape[1]))) for _ in levels]
    for day in range(backtest_days):
        past = daily[first + day - window : first + day]
        if day % refit_days == 0:
            model = fit_garch(past, decay=conventions.volatility_decay)
        outcomes = rescaled_pnl(past, model)
        for level, (var, es) in zip(levels, found, strict=True):
            var[day] = historical_var(outcomes, confidence=level, quantile=conventions.quantile)
            es[day] = at_least(historical_es(outcomes, confidence=level), var[day])
    return tuple(Forecasts(*pair) for pair in found)
