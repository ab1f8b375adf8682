"""The covariance behind an allocation, by skfolio's estimators. Heavy: imports skfolio."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from skfolio.moments import OAS, BaseCovariance, EmpiricalCovariance, EWCovariance, LedoitWolf

from lakehouse.construction.model import SCALE, Market
from lakehouse.risk.checks import FloatArray, finite_matrix, require_history


class Estimator(StrEnum):
    """How the covariance is estimated: all days alike, recent days more, or shrunk towards a simple one."""

    SAMPLE = "sample"
    EWMA = "ewma"
    LEDOIT_WOLF = "ledoit_wolf"
    OAS = "oas"


HALF_LIFE_DAYS = 40.0
MAKERS: dict[Estimator, tuple[Callable[[], BaseCovariance], str]] = {
    Estimator.SAMPLE: (lambda: EmpiricalCovariance(ddof=1), "sample;ddof=1"),
    Estimator.EWMA: (lambda: EWCovariance(half_life=HALF_LIFE_DAYS), f"ewma;half_life={HALF_LIFE_DAYS:g}d"),
    Estimator.LEDOIT_WOLF: (LedoitWolf, "ledoit_wolf;ddof=0"),
    Estimator.OAS: (OAS, "oas;ddof=0"),
}


def market(symbols: tuple[str, ...], returns: FloatArray, estimator: Estimator = Estimator.LEDOIT_WOLF) -> Market:
    """The market behind (T, N) simple daily `returns`, oldest first, with the sample mean.

    NaN policy: refused. Raises NonFinite, ShapeMismatch, InsufficientHistory below two days.
    """
    checked = finite_matrix("returns", returns)
    require_history(len(checked), 2, "returns behind an allocation")
    make, convention = MAKERS[estimator]
    covariance = np.asarray(make().fit(checked * SCALE).covariance_, dtype=np.float64) / SCALE**2
    return Market(symbols, checked, checked.mean(axis=0), covariance, convention)
