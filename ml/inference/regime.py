"""The regime of a market by a Gaussian hidden Markov chain: Hamilton's forward filter, which looks back only.

No smoothed and no Viterbi state exists here: both use what comes after the day that they speak of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakehouse.construction.regime import STANDARD_RULE, Regime, RegimeReading, RegimeRule, read_regime
from lakehouse.risk.checks import FloatArray, InvalidParameter, finite_matrix, require_history

SUM_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class RegimeChain:
    """K states in ascending order of variance.

    `means` and `deviations` (K,) of a day's log return; `transition` (K, K), row i is where state i goes to, summing to
    1; `initial` (K,) before the first day; `names` (K,) what each state is called.
    """

    means: FloatArray
    deviations: FloatArray
    transition: FloatArray
    initial: FloatArray
    names: tuple[Regime, ...]

    def __post_init__(self) -> None:
        states = len(self.names)
        shapes = (self.means.shape, self.deviations.shape, self.initial.shape, self.transition.shape)
        if states < 2 or shapes != ((states,), (states,), (states,), (states, states)):
            raise InvalidParameter(f"a chain of {states} states does not go with arrays of {shapes}")
        whole = np.vstack([self.means, self.deviations, self.initial, self.transition])
        if not np.isfinite(whole).all() or (self.deviations <= 0).any() or (np.diff(self.deviations) < 0).any():
            raise InvalidParameter("a chain needs finite numbers and deviations that are positive and ascend")
        sums = np.append(self.transition.sum(axis=1), self.initial.sum())
        if min(self.transition.min(), self.initial.min()) < 0 or (abs(sums - 1) > SUM_TOLERANCE).any():
            raise InvalidParameter("a chain's probabilities are not negative, and each row sums to 1")


@dataclass(frozen=True, slots=True)
class Filtered:
    """`probabilities` (T, K) of each state at the close of each day, given that day and those before; `log_densities`
    (T,) of each day's return as it was foretold on the day before: their sum is the likelihood."""

    probabilities: FloatArray
    log_densities: FloatArray


def forward_filter(chain: RegimeChain, log_returns: FloatArray) -> Filtered:
    """Hamilton (1989), in logarithms where they could underflow: row t is a function of rows 0 to t alone.

    NaN policy: refused. Raises NonFinite, InsufficientHistory for no day.
    """
    moves = finite_matrix("log_returns", np.asarray(log_returns, dtype=np.float64)[:, None])[:, 0]
    require_history(len(moves), 1, "days behind a regime")
    scaled = (moves[:, None] - chain.means) / chain.deviations
    densities = -0.5 * scaled**2 - np.log(chain.deviations) - 0.5 * np.log(2 * np.pi)
    probabilities = np.empty_like(densities)
    told = np.empty(len(moves))
    expected = chain.initial
    for day, density in enumerate(densities):
        with np.errstate(divide="ignore"):  # a state that cannot be has the logarithm of 0, and stays impossible
            weight = np.log(expected) + density
        largest = weight.max()
        joint = np.exp(weight - largest)
        total = joint.sum()
        told[day] = largest + np.log(total)
        probabilities[day] = joint / total
        expected = probabilities[day] @ chain.transition
    return Filtered(probabilities, told)


def name_states(means: FloatArray, deviations: FloatArray) -> tuple[Regime, ...]:
    """What (K,) states in ascending order of variance are called.

    The one with the highest variance is bear: falling or in panic, as in the rule that a model takes the place of. Of
    the others, the one with the highest mean for its deviation is bull if that mean is positive; the rest is sideways.
    """
    ratio = means[:-1] / deviations[:-1]
    best = int(np.argmax(ratio))
    calm = [
        Regime.BULL if place == best and means[place] > 0 else Regime.SIDEWAYS for place in range(len(deviations) - 1)
    ]
    return (*calm, Regime.BEAR)


def by_regime(chain: RegimeChain, probabilities: FloatArray) -> dict[Regime, float]:
    """(K,) probabilities of states, added up by name."""
    found = dict.fromkeys(Regime, 0.0)
    for name, probability in zip(chain.names, probabilities, strict=True):
        found[name] += float(probability)
    return found


def read_model(
    chain: RegimeChain, log_returns: FloatArray, *, source: str, rule: RegimeRule = STANDARD_RULE
) -> RegimeReading:
    """The most probable regime at the last of (T,) `log_returns`, with `source` (model:NAME@VERSION) as its origin.

    Trend, stress and volatility are the rule's, so that readings of either origin can be compared. Raises what
    `read_regime` raises for too short a history.
    """
    seen = read_regime(np.exp(np.concatenate([[0.0], np.cumsum(log_returns)])), rule)
    shares = by_regime(chain, forward_filter(chain, log_returns).probabilities[-1])
    regime = max(shares, key=lambda each: shares[each])
    return RegimeReading(regime, source, seen.trend, seen.stress, seen.volatility)


def to_document(chain: RegimeChain) -> dict[str, Any]:
    """The chain as JSON values, without loss."""
    return {
        "means": chain.means.tolist(),
        "deviations": chain.deviations.tolist(),
        "transition": chain.transition.tolist(),
        "initial": chain.initial.tolist(),
        "names": [str(name) for name in chain.names],
    }


def from_document(told: Mapping[str, Any]) -> RegimeChain:
    """The chain of `to_document`. Raises InvalidParameter for anything else."""
    try:
        arrays = {
            name: np.asarray(told[name], dtype=np.float64) for name in ("means", "deviations", "transition", "initial")
        }
        return RegimeChain(**arrays, names=tuple(Regime(name) for name in told["names"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidParameter(f"this is no chain of regimes: {error}") from error
