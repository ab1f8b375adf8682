"""Golden values of Bailey and Lopez de Prado, "The Deflated Sharpe Ratio" (2014), and "The Sharpe Ratio Efficient
Frontier" (2012)."""

import math

import numpy as np
import pytest

from lakehouse.backtest.sharpe import (
    Track,
    deflated,
    expected_maximum,
    minimum_track,
    probabilistic,
    track_of,
)
from lakehouse.risk.checks import InsufficientHistory, InvalidParameter

# The numerical example of the 2014 paper: 5 years of days, an annual Sharpe ratio of 2.5 found among 100 trials whose
# annual ratios have a variance of 1/2.
FOUND = Track(sharpe=2.5 / math.sqrt(250), observations=1250, skewness=-3, kurtosis=10)
VARIANCE = 0.5 / 250


def test_the_expected_maximum_is_that_of_the_paper() -> None:
    assert expected_maximum(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)


def test_the_deflated_ratio_is_that_of_the_paper() -> None:
    assert deflated(FOUND, trials=100, variance=VARIANCE) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(FOUND, trials=46, variance=VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_normal_returns_would_have_stood_88_trials() -> None:
    normal = Track(sharpe=FOUND.sharpe, observations=1250)
    assert deflated(normal, trials=88, variance=VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_the_probabilistic_ratio_is_that_of_the_paper() -> None:
    # Two years of months: 0.458 a month, skewness -2.448, kurtosis 10.164; 0.982 if returns were normal, else 0.913.
    assert probabilistic(Track(sharpe=0.458, observations=24)) == pytest.approx(0.982, abs=5e-4)
    skewed = Track(sharpe=0.458, observations=24, skewness=-2.448, kurtosis=10.164)
    assert probabilistic(skewed) == pytest.approx(0.913, abs=5e-4)


def test_one_trial_deflates_nothing() -> None:
    assert deflated(FOUND, trials=1, variance=0.0) == probabilistic(FOUND)


def test_the_shortest_track_is_just_long_enough() -> None:
    needed = minimum_track(FOUND, confidence=0.95)
    reached = Track(sharpe=FOUND.sharpe, observations=math.ceil(needed), skewness=-3, kurtosis=10)
    missed = Track(sharpe=FOUND.sharpe, observations=math.ceil(needed) - 1, skewness=-3, kurtosis=10)
    assert probabilistic(missed) < 0.95 <= probabilistic(reached)
    assert minimum_track(Track(sharpe=0.0, observations=10)) == math.inf


def test_a_track_is_made_of_moments() -> None:
    track = track_of(np.array([0.01, -0.01, 0.02, 0.0]))
    assert track.sharpe == pytest.approx(0.005 / np.std([0.01, -0.01, 0.02, 0.0], ddof=1))
    assert track.skewness == pytest.approx(0.0)
    assert track_of(np.full(10, 0.001)).sharpe == 0.0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InsufficientHistory):
        track_of(np.array([0.1, 0.2]))
    with pytest.raises(InvalidParameter):
        probabilistic(Track(sharpe=1.0, observations=10, skewness=5.0, kurtosis=3.0))
    with pytest.raises(InvalidParameter):
        expected_maximum(10, -1.0)
