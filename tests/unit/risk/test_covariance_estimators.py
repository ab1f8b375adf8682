"""Covariances against scikit-learn and RiskMetrics."""

import numpy as np
import pytest
from sklearn.covariance import OAS, LedoitWolf

from lakehouse.risk import (
    Covariance,
    InsufficientHistory,
    InvalidParameter,
    covariance_matrix,
    pivoted_cholesky,
    sample_covariance as sample,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.covariance_estimators import ewma_covariance, shrinkage


def returns(days: int = 120, names: int = 30) -> FloatArray:
    rng = np.random.default_rng(9)
    return rng.standard_normal((days, 1)) * 0.01 + rng.standard_normal((days, names)) * 0.01


@pytest.mark.parametrize("shape", [(120, 30), (40, 60), (500, 1)])
@pytest.mark.parametrize(("estimator", "reference"), [(Covariance.LEDOIT_WOLF, LedoitWolf), (Covariance.OAS, OAS)])
def test_shrinkage_is_scikit_learns(shape: tuple[int, int], estimator: Covariance, reference: type) -> None:
    moves = returns(*shape)
    expected = reference().fit(moves)
    found = covariance_matrix(moves, estimator=estimator)
    np.testing.assert_allclose(found, expected.covariance_, rtol=1e-9, atol=1e-14)
    assert shrinkage(moves, estimator) == pytest.approx(expected.shrinkage_, abs=1e-11)


def test_shrunk_covariance_has_full_rank_where_the_samples_has_not() -> None:
    moves = returns(40, 60)
    assert pivoted_cholesky(sample(moves)).shape[1] == 39
    assert pivoted_cholesky(covariance_matrix(moves, estimator=Covariance.OAS)).shape[1] == 60


def test_ewma_by_its_definition() -> None:
    # RiskMetrics Technical Document (1996), table 5.1: (1 - decay) sum of decay^i r r', decay 0.94.
    moves = returns(200, 3)
    weights = 0.94 ** np.arange(199, -1, -1)
    expected = (moves * weights[:, None]).T @ moves / weights.sum()
    found = covariance_matrix(moves, estimator=Covariance.EWMA)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    flat = ewma_covariance(moves - moves.mean(axis=0), decay=1.0)
    np.testing.assert_allclose(flat, sample(moves, ddof=0), rtol=1e-10, atol=1e-18)


def test_the_default_is_the_sample_and_nonsense_is_refused() -> None:
    moves = returns()
    assert covariance_matrix(moves).tobytes() == sample(moves).tobytes()
    with pytest.raises(InvalidParameter, match="decay"):
        covariance_matrix(moves, estimator=Covariance.EWMA, decay=0)
    with pytest.raises(InsufficientHistory):
        covariance_matrix(moves[:1], estimator=Covariance.OAS)
