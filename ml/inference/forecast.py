"""Quantiles and volatility of the next day's return, computed from a registered model's arrays with NumPy alone.

The same network as `ml.training.forecast.network`, whose export in pt2 gives the same answers (a test compares them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from lakehouse.risk.checks import FloatArray
from ml.features.returns import CLIP, FAST, NAMES, SLOW, WARM_UP, WINDOW, samples
from ml.inference.models import Loaded, UnusableModelError

NAME: Final = "return_forecast"
KIND: Final = "return_quantiles"
BASELINE: Final = "ewma_normal"
LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LAYERS: Final = ("first", "second", "third", "head")
FEATURES: Final[Mapping[str, Any]] = {
    "names": list(NAMES),
    "window": WINDOW,
    "warm_up": WARM_UP,
    "fast": FAST,
    "slow": SLOW,
    "clip": CLIP,
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of N days: `quantiles` (N, levels) and `volatility` (N,) of the log return of the day after; daily, not in
    per cent. Quantiles of a row never cross."""

    levels: tuple[float, ...]
    quantiles: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A loaded model; `name` and `version` go into what it computes."""

    name: str
    version: int
    levels: tuple[float, ...]
    arrays: Mapping[str, FloatArray]

    def at(self, inputs: FloatArray, scale: FloatArray) -> Forecast:
        """Forecasts from samples (N, WINDOW, features) and volatilities (N,) of `ml.features.returns`."""
        raw = forward(self.arrays, inputs)
        return Forecast(self.levels, raw[:, :-1] * scale[:, None], raw[:, -1] * scale)

    def newest(self, log_returns: npt.ArrayLike) -> Forecast:
        """The forecast after the last of daily log returns (T,), oldest first, as the only row.

        Raises InsufficientHistory below `ml.features.returns.LEAST_RETURNS`, NonFinite.
        """
        made = samples(log_returns)
        return self.at(made.inputs[-1:], made.scale[-1:])


def forecaster(loaded: Loaded) -> Forecaster:
    """The model of a version. Raises UnusableModelError for one that forecasts something else, or from features that
    this code computes otherwise."""
    document = loaded.document
    told = f"{loaded.name} version {loaded.version}"
    if document.get("kind") != KIND:
        raise UnusableModelError(f"{told} is no model of {KIND}")
    if document.get("features") != FEATURES:
        raise UnusableModelError(f"{told} was trained on other features than this code computes: train it again")
    arrays = {name: np.asarray(each, dtype=np.float64) for name, each in loaded.arrays().items()}
    levels = tuple(float(each) for each in document.get("levels", ()))
    wanted = {f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}
    if set(arrays) != wanted or arrays["head.bias"].shape != (len(levels) + 1,):
        raise UnusableModelError(f"{told} lacks arrays of a model of {KIND}")
    return Forecaster(loaded.name, loaded.version, levels, arrays)


def forward(arrays: Mapping[str, FloatArray], inputs: FloatArray) -> FloatArray:
    """Quantiles and, in the last column, volatility (N, levels + 1), in units of the scale, of inputs (N, 27, F).

    Three convolutions of width and stride 3: what a causal dilated network computes for its newest day, and no more.
    """
    rows = len(inputs)
    state = np.asarray(inputs, dtype=np.float64)
    for layer, days in (("first", 9), ("second", 3), ("third", 1)):
        folded = state.reshape(rows, days, -1)
        state = _silu(folded @ arrays[f"{layer}.weight"].T + arrays[f"{layer}.bias"])
    raw = state.reshape(rows, -1) @ arrays["head.weight"].T + arrays["head.bias"]
    steps = np.concatenate([raw[:, :1], np.logaddexp(0.0, raw[:, 1:-1])], axis=1)
    return np.concatenate([np.cumsum(steps, axis=1), np.exp(raw[:, -1:])], axis=1)


def baseline(scale: FloatArray, levels: tuple[float, ...] = LEVELS) -> Forecast:
    """Normal quantiles around zero at the exponentially weighted volatility (N,): what is answered without a model.
    Source: RiskMetrics Technical Document (1996)."""
    return Forecast(levels, scale[:, None] * ndtri(np.asarray(levels)), scale)


def _silu(state: FloatArray) -> FloatArray:
    return np.asarray(state / (1.0 + np.exp(-state)), dtype=np.float64)
