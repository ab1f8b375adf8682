"""What an allocation is asked for and what it answers: objectives, markets, goals, results."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch, finite_matrix, require_history

SCALE = 100.0
"""Solvers see returns in percent, so daily covariances times 1e4: unscaled, weights were 2e-3 off."""


class ConstructionError(TidemarkError):
    """Weights or trades cannot be computed from what was handed in."""


class Objective(StrEnum):
    """What the weights are to achieve."""

    MIN_VARIANCE = "min_variance"
    MAX_SHARPE = "max_sharpe"
    RISK_PARITY = "risk_parity"
    RISK_BUDGETING = "risk_budgeting"
    HRP = "hrp"
    MEAN_CVAR = "mean_cvar"
    MAX_DIVERSIFICATION = "max_diversification"
    EQUAL_WEIGHT = "equal_weight"
    INVERSE_VOLATILITY = "inverse_volatility"
    TARGET_WEIGHTS = "target_weights"


class Status(StrEnum):
    """How it ended. Only SOLVED has new weights; the other two keep the previous ones."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Market:
    """N instruments over T days.

    `returns` (T, N) simple daily returns as fractions, oldest first; `mean` (N,) and `covariance` (N, N) of a day, in
    the same unit; `estimator` says how the covariance was estimated. Raises ShapeMismatch, NonFinite,
    InsufficientHistory below two days.
    """

    symbols: tuple[str, ...]
    returns: FloatArray
    mean: FloatArray
    covariance: FloatArray
    estimator: str

    def __post_init__(self) -> None:
        count = len(self.symbols)
        require_history(len(finite_matrix("returns", self.returns)), 2, "returns behind an allocation")
        finite_matrix("mean", self.mean[None, :])
        finite_matrix("covariance", self.covariance)
        if not (self.returns.shape[1] == len(self.mean) == count and self.covariance.shape == (count, count)):
            raise ShapeMismatch(f"{count} symbols, but the market's arrays are of another number of instruments")


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective with its parameters.

    `risk_budget` (N,) shares of the risk, for RISK_BUDGETING; `targets` (N,) wanted weights and `bands` (N,) how far
    from them a weight may stay, for TARGET_WEIGHTS; `cvar_confidence` and `risk_aversion` (None: the least CVaR
    whatever the return) for MEAN_CVAR; `risk_free` of a day for MAX_SHARPE; `costs` (N,) of trading one unit of
    weight, spread over `holding_days`, lower the expected return where the objective has one.
    """

    objective: Objective
    risk_budget: tuple[float, ...] | None = None
    targets: tuple[float, ...] | None = None
    bands: tuple[float, ...] | None = None
    cvar_confidence: float = 0.95
    risk_aversion: float | None = None
    risk_free: float = 0.0
    costs: tuple[float, ...] | None = None
    holding_days: int = 21

    def __post_init__(self) -> None:
        if self.objective is Objective.RISK_BUDGETING and self.risk_budget is None:
            raise InvalidParameter("risk_budgeting needs a risk_budget, one share an instrument")
        if self.objective is Objective.TARGET_WEIGHTS and self.targets is None:
            raise InvalidParameter("target_weights needs targets, one weight an instrument")
        if self.risk_budget is not None and min(self.risk_budget) < 0:
            raise InvalidParameter("risk_budget has a negative share")
        if not 0.5 <= self.cvar_confidence < 1 or self.holding_days < 1:
            raise InvalidParameter("cvar_confidence must lie in [0.5, 1) and holding_days be at least 1")

    def check(self, count: int) -> None:
        """Raises ShapeMismatch where a vector has not `count` entries."""
        for name in ("risk_budget", "targets", "bands", "costs"):
            values = getattr(self, name)
            if values is not None and len(values) != count:
                raise ShapeMismatch(f"{name} has {len(values)} entries for {count} instruments")


@dataclass(frozen=True, slots=True)
class Allocation:
    """Weights and how they came about.

    `weights` (N,) shares of the portfolio's value, in the order of `symbols`; what is missing to 1 is cash. The
    expected numbers are of one day: `volatility` (standard deviation) and `mean_return` as fractions, `contributions`
    (N,) shares of the variance, which sum to 1. `status` other than SOLVED: the weights are the previous ones and
    `reasons` says why. `conventions` and `versions` tell what the numbers depend on.
    """

    objective: Objective
    symbols: tuple[str, ...]
    weights: FloatArray
    status: Status
    reasons: tuple[str, ...]
    solver: str
    volatility: float
    mean_return: float
    contributions: FloatArray
    conventions: str
    versions: tuple[tuple[str, str], ...]


def sample_market(symbols: tuple[str, ...], returns: FloatArray) -> Market:
    """The market with the sample mean and the sample covariance (ddof 1) of (T, N) `returns`."""
    checked = finite_matrix("returns", returns)
    require_history(len(checked), 2, "returns behind an allocation")
    centred = checked - checked.mean(axis=0)
    covariance = centred.T @ centred / (len(checked) - 1)
    return Market(symbols, checked, checked.mean(axis=0), covariance, "sample;ddof=1")


def volatility(weights: FloatArray, covariance: FloatArray) -> float:
    """Standard deviation of a day of (N,) `weights` under (N, N) `covariance`; 0 for no holdings."""
    return float(np.sqrt(max(0.0, float(weights @ covariance @ weights))))


def contributions(weights: FloatArray, covariance: FloatArray) -> FloatArray:
    """Shares of the variance, (N,), that sum to 1: w_i (C w)_i / (w' C w) (Euler). Zeros where there is no risk."""
    parts: FloatArray = weights * (covariance @ weights)
    total = float(parts.sum())
    return parts / total if total > 0 else np.zeros_like(weights)
