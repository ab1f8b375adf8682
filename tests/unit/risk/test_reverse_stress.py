"""Reverse stress: the closed form, the curved cases against a general optimiser, and losses that cannot be."""

import numpy as np
import pytest
from scipy.optimize import minimize

from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch
from lakehouse.risk.reverse_stress import LossOutOfReach, ReverseStress, linear_reverse_stress, quadratic_reverse_stress


def covariance(size: int, seed: int) -> FloatArray:
    draws = np.random.default_rng(seed).normal(size=(3 * size, size)) * 0.02
    matrix: FloatArray = draws.T @ draws / (3 * size)
    return matrix


def distance(moves: FloatArray, matrix: FloatArray) -> float:
    return float(np.sqrt(moves @ np.linalg.solve(matrix, moves)))


def test_one_factor_is_loss_over_deviation() -> None:
    found = linear_reverse_stress([1e6], [[0.0004]], loss=1e5)
    np.testing.assert_allclose(found.moves, [-0.1])
    assert found.distance == pytest.approx(5.0)
    assert found.pnl == pytest.approx(-1e5)


def test_the_linear_case_is_the_closest_point_of_the_plane() -> None:
    matrix, held = covariance(5, 1), np.array([3e5, -1e5, 2e5, 4e5, -2e5])
    found = linear_reverse_stress(held, matrix, loss=5e4)
    assert found.distance == pytest.approx(5e4 / np.sqrt(held @ matrix @ held))
    assert found.distance == pytest.approx(distance(found.moves, matrix))
    rng = np.random.default_rng(2)
    for _ in range(200):
        other = found.moves + rng.normal(size=5) * 0.01
        other *= -5e4 / (held @ other) if held @ other < 0 else 0.0
        assert not other.any() or distance(other, matrix) >= found.distance * (1 - 1e-12)


def test_a_singular_covariance_keeps_its_dependence() -> None:
    matrix = np.array([[0.0004, 0.0004], [0.0004, 0.0004]])
    found = linear_reverse_stress([1e6, 1e6], matrix, loss=1e5)
    np.testing.assert_allclose(found.moves, [-0.05, -0.05])
    assert found.distance == pytest.approx(2.5)


def test_without_curvature_the_quadratic_case_is_the_linear_one() -> None:
    matrix, held = covariance(4, 3), np.array([3e5, -1e5, 2e5, 4e5])
    line = linear_reverse_stress(held, matrix, loss=5e4)
    curve = quadratic_reverse_stress(held, np.zeros((4, 4)), matrix, loss=5e4)
    np.testing.assert_allclose(curve.moves, line.moves, rtol=1e-9)
    assert curve.distance == pytest.approx(line.distance, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["short", "mixed", "long"])
def test_a_general_optimiser_finds_nothing_nearer(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, held = covariance(4, seed), rng.normal(size=4) * 1e5
    draws = rng.normal(size=(4, 4)) * 1e6
    bends = {"short": -draws @ draws.T / 1e6, "mixed": draws + draws.T, "long": draws @ draws.T / 1e7}[kind]
    loss = 5e3
    found = quadratic_reverse_stress(held, bends, matrix, loss=loss)
    check(found, held, bends, matrix, loss)
    root = np.linalg.cholesky(matrix)
    best = min(
        float(result.fun)
        for start in range(8)
        for result in [
            minimize(
                lambda z: float(z @ z),
                np.random.default_rng(start).normal(size=4) * 2,
                constraints={
                    "type": "ineq",
                    "fun": lambda z: -(held @ (root @ z) + 0.5 * (root @ z) @ bends @ (root @ z) + loss) / loss,
                },
                method="SLSQP",
                options={"maxiter": 500, "ftol": 1e-12},
            )
        ]
        if result.success
    )
    assert found.distance <= np.sqrt(best) * (1 + 1e-5)


def check(found: ReverseStress, held: FloatArray, bends: FloatArray, matrix: FloatArray, loss: float) -> None:
    assert found.pnl == pytest.approx(-loss, rel=1e-9)
    assert held @ found.moves + 0.5 * found.moves @ bends @ found.moves == pytest.approx(-loss, rel=1e-9)
    assert found.distance == pytest.approx(distance(found.moves, matrix), rel=1e-9)


def test_the_hard_case_rides_down_an_axis_without_slope() -> None:
    # Delta-hedged short gamma in the first factor: -1/2 x 1e8 x^2 = -1e4 at x = 0.01414, one way or the other.
    matrix, bends = np.diag([0.0004, 0.0001]), np.diag([-1e8, 0.0])
    found = quadratic_reverse_stress([0.0, 0.0], bends, matrix, loss=1e4)
    np.testing.assert_allclose(np.abs(found.moves), [np.sqrt(2e-4), 0.0], atol=1e-12)
    check(found, np.zeros(2), bends, matrix, 1e4)
    tilted = quadratic_reverse_stress([0.0, 1e5], bends, matrix, loss=1e4)
    check(tilted, np.array([0.0, 1e5]), bends, matrix, 1e4)
    assert tilted.distance < found.distance
    assert tilted.moves[1] < 0


def test_positive_gamma_limits_the_loss() -> None:
    # x 1e5 + 1/2 x^2 1e6 is lowest at x = -0.1: a loss of 5,000.
    found = quadratic_reverse_stress([1e5], [[1e6]], [[0.0004]], loss=4_999.0)
    check(found, np.array([1e5]), np.array([[1e6]]), np.array([[0.0004]]), 4_999.0)
    assert -0.1 < found.moves[0] < -0.097
    with pytest.raises(LossOutOfReach) as refused:
        quadratic_reverse_stress([1e5], [[1e6]], [[0.0004]], loss=5_001.0)
    assert refused.value.worst == pytest.approx(5_000.0)


def test_carry_comes_before_the_moves() -> None:
    found = quadratic_reverse_stress([1e6], [[0.0]], [[0.0004]], loss=1e5, carry=-4e4)
    np.testing.assert_allclose(found.moves, [-0.06])
    assert found.pnl == pytest.approx(-1e5)
    lost = quadratic_reverse_stress([1e6], [[0.0]], [[0.0004]], loss=1e5, carry=-2e5)
    assert (lost.distance, lost.pnl) == (0.0, -2e5)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(LossOutOfReach):
        linear_reverse_stress([0.0, 0.0], covariance(2, 1), loss=1.0)
    with pytest.raises(LossOutOfReach):
        quadratic_reverse_stress([0.0, 0.0], np.zeros((2, 2)), covariance(2, 1), loss=1.0)
    for loss in (0.0, -1.0, np.inf):
        with pytest.raises(InvalidParameter):
            linear_reverse_stress([1.0], [[1.0]], loss=loss)
    with pytest.raises(ShapeMismatch):
        linear_reverse_stress([1.0, 2.0], [[1.0]], loss=1.0)
    with pytest.raises(ShapeMismatch):
        quadratic_reverse_stress([1.0, 1.0], [[1.0, 2.0], [0.0, 1.0]], covariance(2, 1), loss=1.0)
