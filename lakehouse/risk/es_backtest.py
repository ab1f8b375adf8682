"""Was the shortfall large enough? The two tests of Acerbi and Szekely, with simulated significance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from lakehouse.risk.checks import (
    Confidence,
    FloatArray,
    InvalidParameter,
    ShapeMismatch,
    exact_confidence,
    require_count,
)
from lakehouse.risk.cornish_fisher import normal_tail
from lakehouse.risk.monte_carlo import philox
from lakehouse.risk.student_t import t_tail_mean
from lakehouse.risk.var_backtest import Backtest

Z2_CRITICAL = {0.05: -0.70, 0.0001: -1.8}
"""Stated critical values of Z2 at 97.5 % and 250 days, "remarkably stable" over distributions: Acerbi and Szekely
(2014), "Backtesting expected shortfall", table 4 and conclusions."""


@dataclass(frozen=True, slots=True)
class ShortfallTest:
    """`statistic` (P,): 0 expected of a right model, negative where losses were worse than the shortfall said.

    `p_value` (P,): how often a right model does as badly. Z1 asks about days of breach only: without any, both are NaN,
    for there is nothing to ask.
    """

    statistic: FloatArray
    p_value: FloatArray


@dataclass(frozen=True, slots=True)
class NullModel:
    """What simulated records are drawn from: a t with `dof` (None: normal) of mean zero, for `trials` records, named
    by `seed`. Raises InvalidParameter for dof <= 2 or trials below 1."""

    seed: int
    trials: int = 10_000
    dof: float | None = None

    def __post_init__(self) -> None:
        require_count("trials", self.trials)
        if self.dof is not None and self.dof <= 2:
            raise InvalidParameter(f"dof is {self.dof}: the null model needs a variance, pass more than 2")


def acerbi_szekely_z1(
    backtest: Backtest, shortfall: npt.ArrayLike, *, confidence: Confidence, null: NullModel
) -> ShortfallTest:
    """Given a breach, is the loss as large as the shortfall said? Z1 = mean over breaches of P&L / ES, plus 1.

    backtest of D days and P portfolios; shortfall (D, P) forecasts beside its VaR, positive for a loss. Days without a
    forecast are left out. Raises ShapeMismatch, InvalidParameter where a shortfall is missing or not positive.
    Source: Acerbi and Szekely (2014), "Backtesting expected shortfall", test 1.
    """
    total = _breach_sums(backtest, shortfall)
    breaches = backtest.breaches
    statistic = np.where(breaches > 0, total / np.maximum(breaches, 1) + 1.0, np.nan)
    return ShortfallTest(statistic, _p_values(statistic, backtest, confidence, null, conditional=True))


def acerbi_szekely_z2(
    backtest: Backtest, shortfall: npt.ArrayLike, *, confidence: Confidence, null: NullModel
) -> ShortfallTest:
    """Number and size of breaches together: Z2 = sum over breaches of P&L / (D (1 - c) ES), plus 1.

    Arguments and errors as `acerbi_szekely_z1`; a record without breach has the statistic 1. Significance does not hang
    on the tail of the null model as Z1's does: `Z2_CRITICAL`. Source: the same, test 2.
    """
    total = _breach_sums(backtest, shortfall)
    expected = backtest.forecasts * float(1 - exact_confidence(confidence))
    statistic = total / expected + 1.0
    return ShortfallTest(statistic, _p_values(statistic, backtest, confidence, null, conditional=False))


def simulated_records(days: int, confidence: Confidence, null: NullModel) -> tuple[FloatArray, FloatArray]:
    """Number of breaches and sum of P&L / ES over them in `trials` records of a right model: (trials,) each.

    Raises InvalidParameter for the confidence or days below 1.
    """
    require_count("days", days)
    tail = float(1 - exact_confidence(confidence))
    scale = _tail_mean(confidence, null)
    # Only the tail is drawn: a uniform below it is a day of breach, and says how deep.
    breaches, sums = np.empty(null.trials), np.empty(null.trials)
    step = max(1, (1 << 20) // days)
    for block, start in enumerate(range(0, null.trials, step)):
        rows = min(step, null.trials - start)
        drawn = philox(seed=null.seed, block=block).random((rows, days))
        hit = drawn < tail
        # random() can give 0, whose quantile is infinite; half the spacing of its grid stands for it.
        worst = np.zeros_like(drawn)
        worst[hit] = _quantile(np.maximum(drawn[hit], 2.0**-54), null) / scale
        breaches[start : start + rows], sums[start : start + rows] = hit.sum(axis=1), worst.sum(axis=1)
    return breaches, sums


def _breach_sums(backtest: Backtest, shortfall: npt.ArrayLike) -> FloatArray:
    expected = np.asarray(shortfall, dtype=np.float64)
    if expected.shape != backtest.pnl.shape:
        raise ShapeMismatch(f"shortfall {expected.shape} and backtest {backtest.pnl.shape} differ: pass the same days")
    known = ~np.isnan(backtest.var)
    if (backtest.forecasts < 1).any() or not (np.isfinite(expected) & (expected > 0))[known].all():
        raise InvalidParameter("every forecast day needs a shortfall above zero, and every portfolio such a day")
    shares = np.where(backtest.breach, backtest.pnl / np.where(known, expected, 1.0), 0.0)
    total: FloatArray = np.ascontiguousarray(shares.T).sum(axis=1)
    return total


def _p_values(
    statistic: FloatArray, backtest: Backtest, confidence: Confidence, null: NullModel, *, conditional: bool
) -> FloatArray:
    days = backtest.forecasts
    found = np.empty(len(statistic))
    for count in np.unique(days):
        breaches, sums = simulated_records(int(count), confidence, null)
        if conditional:
            sums, breaches = sums[breaches > 0], breaches[breaches > 0]
        expected = breaches if conditional else count * float(1 - exact_confidence(confidence))
        simulated = np.sort(sums / expected + 1.0)
        same = days == count
        found[same] = np.searchsorted(simulated, statistic[same], side="right") / max(1, len(simulated))
    return np.where(np.isnan(statistic), np.nan, found)


def _tail_mean(confidence: Confidence, null: NullModel) -> float:
    if null.dof is None:
        return normal_tail(confidence).mean
    dof = np.array([null.dof])
    # The plain t, as it is drawn, and not the one of unit variance.
    return float((t_tail_mean(dof, confidence) * np.sqrt(dof / (dof - 2)))[0])


def _quantile(probability: FloatArray, null: NullModel) -> FloatArray:
    values: FloatArray = ndtri(probability) if null.dof is None else stdtrit(null.dof, probability)
    return values
