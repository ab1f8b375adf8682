"""Fits the chain of regimes by statsmodels: expectation-maximisation first, then maximum likelihood."""

import warnings

import numpy as np

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray, require_history
from ml.inference.regime import RegimeChain, name_states

STATES = 3
LEAST_DAYS = 500
"""About two years: with fewer a state of a few days a year has nothing to be estimated from."""
EM_STEPS = 30
# Percent keep the optimiser's gradients of one size; the likelihood has the scale of the numbers.
PERCENT = 100.0
LEAST_DEVIATION = 1e-6


class FitFailed(TidemarkError):
    """The likelihood has no sound maximum for these days."""


def fit(log_returns: FloatArray, *, states: int = STATES) -> RegimeChain:
    """The chain of (T,) daily `log_returns`, fractions; deterministic, no random start.

    Raises InsufficientHistory below LEAST_DAYS, FitFailed where no maximum is found or a state has no spread.
    """
    # It takes a second to import, and only a training needs it.
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    require_history(len(log_returns), LEAST_DAYS, "days behind a regime model")
    model = MarkovRegression(np.asarray(log_returns) * PERCENT, k_regimes=states, trend="c", switching_variance=True)
    with warnings.catch_warnings():
        # EM rescales probabilities that its arithmetic left outside [0, 1] and says so; what counts is checked below.
        warnings.simplefilter("ignore")
        try:
            found = model.fit(em_iter=EM_STEPS, search_reps=0, disp=False)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise FitFailed(f"the regime model has no maximum over {len(log_returns)} days: {error}") from error
    means = np.asarray(found.params[model.parameters["exog"]]) / PERCENT
    deviations = np.sqrt(np.abs(found.params[model.parameters["variance"]])) / PERCENT
    transition = np.asarray(found.regime_transition)[:, :, 0].T  # statsmodels has columns that sum to 1
    return _ordered(means, deviations, transition)


def stationary(transition: FloatArray) -> FloatArray:
    """Shares of time (K,) that a chain (K, K) spends in each state in the long run."""
    states = len(transition)
    equations = np.vstack([transition.T - np.eye(states), np.ones(states)])
    shares = np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0].clip(0)
    weights: FloatArray = shares / shares.sum()
    return weights


def _ordered(means: FloatArray, deviations: FloatArray, transition: FloatArray) -> RegimeChain:
    whole = np.vstack([means, deviations, transition])
    if not np.isfinite(whole).all() or deviations.min() < LEAST_DEVIATION:
        raise FitFailed("a regime of the fitted model has no spread: give a longer history, or fewer states")
    order = np.argsort(deviations)
    means, deviations = means[order], deviations[order]
    kept = transition[np.ix_(order, order)].clip(0)
    rows = kept / kept.sum(axis=1, keepdims=True)
    return RegimeChain(means, deviations, rows, stationary(rows), name_states(means, deviations))
