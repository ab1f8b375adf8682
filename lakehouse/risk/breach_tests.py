"""Were there the right number of breaches, in no pattern? Tests of a VaR's record, and the zone it falls in."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrc, chdtrc, ndtri, xlogy

from lakehouse.risk.checks import (
    BoolArray,
    Confidence,
    FloatArray,
    IntArray,
    InvalidParameter,
    ShapeMismatch,
    exact_confidence,
)
from lakehouse.risk.var_backtest import Backtest, kupiec_pof

GREEN_BELOW, RED_FROM = 0.95, 0.9999
BASEL_DAYS, BASEL_CONFIDENCE = 250, "0.99"
PLUS_FACTORS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.40, 0.50, 0.65, 0.75, 0.85, 1.0)
BASE_MULTIPLIER = 3.0


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """`statistic` (P,) and its `p_value` (P,) from chi-squared with `degrees` degrees of freedom."""

    statistic: FloatArray
    p_value: FloatArray
    degrees: int


@dataclass(frozen=True, slots=True)
class Transitions:
    """How pairs of consecutive forecast days went, (P,) each: `n01` counts a breach after a day without one."""

    n00: IntArray
    n01: IntArray
    n10: IntArray
    n11: IntArray


class Zone(StrEnum):
    """Basel's traffic light."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class TrafficLight:
    """`zone` (P,) of Zone values; `cumulative` (P,) probability of as many breaches or fewer from a right model;
    `multiplier` (P,) of capital, 3 to 4."""

    zone: npt.NDArray[np.str_]
    cumulative: FloatArray
    multiplier: FloatArray


def first_breach(backtest: Backtest) -> IntArray:
    """The number, from 1, of the forecast day of the first breach: (P,), 0 where there is none."""
    numbered = np.cumsum(~np.isnan(backtest.var), axis=0)
    return np.where(backtest.breach.any(axis=0), _first(numbered, backtest.breach), 0).astype(np.int64)


def kupiec_tuff(backtest: Backtest, *, confidence: Confidence) -> LikelihoodRatio:
    """Kupiec's time until first failure: was day v of the first breach too early or too late for p = 1 - confidence?

    LR = -2 ln[p (1-p)^(v-1) / ((1/v) (1-1/v)^(v-1))], 0 ln 0 = 0. Without any breach in n days the record is censored:
    LR = -2 ln (1-p)^n, the likelihood of those days against that of a model that never breaches.
    Raises InvalidParameter for the confidence or where a portfolio has no forecast. Source: Kupiec (1995), "Techniques
    for verifying the accuracy of risk measurement models", 3.
    """
    p = float(1 - exact_confidence(confidence))
    days = _forecasts(backtest)
    first = first_breach(backtest).astype(np.float64)
    failed = first > 0
    waited = np.where(failed, first - 1, days)
    observed = np.where(failed, xlogy(1, 1 / np.where(failed, first, 1)) + xlogy(waited, waited / (waited + 1)), 0.0)
    expected = np.where(failed, np.log(p), 0.0) + waited * np.log1p(-p)
    return _ratio(2 * (observed - expected), 1)


def transitions(backtest: Backtest) -> Transitions:
    """Counts of pairs of consecutive days; a pair with a day that had no forecast is not counted."""
    known = ~np.isnan(backtest.var)
    both = known[:-1] & known[1:]
    before, after = backtest.breach[:-1], backtest.breach[1:]
    n00, n01, n10, n11 = (
        (both & (before == was) & (after == became)).sum(axis=0, dtype=np.int64)
        for was in (False, True)
        for became in (False, True)
    )
    return Transitions(n00, n01, n10, n11)


def christoffersen_independence(counts: Transitions) -> LikelihoodRatio:
    """Is a breach as likely after a breach as after none? First-order Markov against independence, on N - 1 pairs.

    0 ln 0 = 0: a record without breaches, or without two in a row, has a finite statistic.
    Source: Christoffersen (1998), "Evaluating interval forecasts", 3.2.
    """
    n00, n01, n10, n11 = (each.astype(np.float64) for each in (counts.n00, counts.n01, counts.n10, counts.n11))
    after_none, after_breach, pairs = n00 + n01, n10 + n11, n00 + n01 + n10 + n11
    breaches = n01 + n11
    same = _log_likelihood(breaches, pairs)
    apart = _log_likelihood(n01, after_none) + _log_likelihood(n11, after_breach)
    return _ratio(2 * (apart - same), 1)


def christoffersen_coverage(backtest: Backtest, *, confidence: Confidence) -> LikelihoodRatio:
    """Conditional coverage: Kupiec's statistic on N days plus that of independence on N - 1 pairs; chi-squared(2).

    Raises InvalidParameter for the confidence or where a portfolio has no forecast.
    Source: Christoffersen (1998), 3.3.
    """
    unconditional = kupiec_pof(backtest.breaches, _forecasts(backtest), confidence=confidence).statistic
    return _ratio(unconditional + christoffersen_independence(transitions(backtest)).statistic, 2)


def traffic_light(breaches: npt.ArrayLike, forecasts: npt.ArrayLike, *, confidence: Confidence) -> TrafficLight:
    """Basel's zones for any number of days and confidence: green while P(X <= x) < 95 %, red from 99.99 %.

    At 250 days and 99 %: 0-4, 5-9, 10 and more, and the multiplier of the Basel table. Elsewhere the multiplier is
    what that table rounds: 3 z(confidence) / z(1 - x / n), held to 3 in green, between 3 and 4 in yellow, 4 in red.
    Raises InvalidParameter unless 0 <= breaches <= forecasts and forecasts >= 1, ShapeMismatch.
    Source: Basel Committee (1996), "Supervisory framework for the use of backtesting", tables 1 and 2.
    """
    x, n = np.asarray(breaches, dtype=np.float64), np.asarray(forecasts, dtype=np.float64)
    if x.shape != n.shape:
        raise ShapeMismatch(f"breaches {x.shape} and forecasts {n.shape} differ")
    if not ((x >= 0) & (x <= n) & (n >= 1)).all():
        raise InvalidParameter("breaches must lie between 0 and forecasts, and forecasts be at least 1")
    exact = exact_confidence(confidence)
    p = float(1 - exact)
    days = n.astype(np.int64)
    cumulative = np.asarray(bdtr(x, days, p))
    # From the other side: 1 - 0.9999 keeps its precision there.
    beyond = np.asarray(bdtrc(x, days, p))
    green, red = beyond > 1 - GREEN_BELOW, beyond <= 1 - RED_FROM
    zone = np.where(green, Zone.GREEN.value, np.where(red, Zone.RED.value, Zone.YELLOW.value))
    plus = np.where(green, 0.0, np.where(red, 1.0, _plus(x, n, p)))
    tabled = (n == BASEL_DAYS) & (exact == exact_confidence(float(BASEL_CONFIDENCE)))
    table = np.array(PLUS_FACTORS)[np.minimum(x, len(PLUS_FACTORS) - 1).astype(np.int64)]
    return TrafficLight(zone, cumulative, BASE_MULTIPLIER + np.where(tabled, table, plus))


def _plus(breaches: FloatArray, forecasts: FloatArray, p: float) -> FloatArray:
    """How much a normal model's VaR is too low by, that was breached so often, in multiples of three: 0 to 1."""
    rate = np.clip(breaches / forecasts, p, 0.5 - 1e-9)
    plus: FloatArray = np.clip(BASE_MULTIPLIER * (ndtri(p) / ndtri(rate) - 1.0), 0.0, 1.0)
    return plus


def _first(numbered: IntArray, breach: BoolArray) -> IntArray:
    found: IntArray = np.take_along_axis(numbered, breach.argmax(axis=0)[None, :], axis=0)[0]
    return found


def _forecasts(backtest: Backtest) -> IntArray:
    days = backtest.forecasts
    if (days < 1).any():
        raise InvalidParameter("a portfolio has no forecast: there is no record to test")
    return days


def _log_likelihood(hits: FloatArray, trials: FloatArray) -> FloatArray:
    share = hits / np.where(trials > 0, trials, 1.0)
    likelihood: FloatArray = xlogy(hits, share) + xlogy(trials - hits, 1.0 - share)
    return likelihood


def _ratio(statistic: npt.ArrayLike, degrees: int) -> LikelihoodRatio:
    # Never below zero but for rounding.
    floored = np.maximum(np.asarray(statistic, dtype=np.float64), 0.0)
    return LikelihoodRatio(floored, np.asarray(chdtrc(degrees, floored)), degrees)
