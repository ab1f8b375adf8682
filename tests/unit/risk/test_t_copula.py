"""The t copula: margins and dependence that come back, the same bytes however the work is cut."""

import numpy as np
import pytest
from scipy import stats

from lakehouse.risk import InsufficientHistory, InvalidParameter, Margins, Simulation
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.t_copula import (
    fit_t_copula,
    returns_block,
    simulate_returns,
)


def joint_returns(days: int = 3000, dof: float = 4.0) -> FloatArray:
    shape = np.array([[1.0, 0.6, 0.2], [0.6, 1.0, 0.0], [0.2, 0.0, 1.0]])
    drawn: FloatArray = stats.multivariate_t.rvs(shape=shape, df=dof, size=days, random_state=7)
    return drawn * 0.01


def test_dof_and_correlation_come_back() -> None:
    assert fit_t_copula(joint_returns()).dof == pytest.approx(4.0, abs=1.0)
    assert fit_t_copula(joint_returns(dof=300)).dof >= 30
    model = fit_t_copula(joint_returns(), dof=4.0)
    loadings = model.weights * model.unit
    correlation = loadings.T @ loadings
    assert correlation[0, 1] == pytest.approx(0.6, abs=0.05)
    assert correlation[0, 2] == pytest.approx(0.2, abs=0.05)
    assert correlation[1, 2] == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("margins", list(Margins))
def test_margins_come_back(margins: Margins) -> None:
    history = joint_returns(1000)
    model = fit_t_copula(history, margins=margins)
    drawn = np.vstack([returns_block(model, Simulation(1, 1), block=block, rows=4000) for block in range(5)])
    for name in range(3):
        for level in (0.05, 0.25, 0.5, 0.75, 0.95):
            share = float((drawn[:, name] <= np.quantile(history[:, name], level)).mean())
            assert share == pytest.approx(level, abs=0.02)
    if margins is Margins.EMPIRICAL:
        assert drawn.min() >= history.min()
        assert drawn.max() <= history.max()
    else:
        assert drawn.min() < history.min()


def test_falls_come_together_more_often_than_under_a_normal_copula() -> None:
    # Tail dependence of the t copula: McNeil, Frey and Embrechts (2005), table 5.1; the normal's goes to zero.
    history = joint_returns()
    both = {}
    for dof in (3.0, 1e6):
        model = fit_t_copula(history, dof=dof)
        drawn = np.vstack([returns_block(model, Simulation(2, 1), block=b, rows=20_000) for b in range(5)])
        low = drawn < np.quantile(drawn, 0.01, axis=0)
        both[dof] = (low[:, 0] & low[:, 1]).mean() / 0.01
    rho = 0.6
    limit = 2 * stats.t.cdf(-np.sqrt(4.0 * (1 - rho) / (1 + rho)), 4)
    assert both[3.0] > 1.3 * both[1e6]
    assert both[3.0] == pytest.approx(limit, abs=0.08)


def test_partitions_do_not_change_a_byte() -> None:
    model = fit_t_copula(joint_returns(500))
    simulation = Simulation(seed=42, scenarios=2500, block_rows=400)
    reference = simulate_returns(model, simulation, horizon_days=3)
    for partitions in (1, 3, 8):
        parts: dict[int, FloatArray] = {}
        blocks = list(simulation.blocks())
        for partition in reversed(range(partitions)):
            for block, rows in blocks[partition::partitions]:
                parts[block] = sum(
                    (returns_block(model, simulation, block=block, rows=rows, day=day) for day in range(3)),
                    np.zeros((rows, 1)),
                )
        assert np.concatenate([parts[block] for block, _ in blocks]).tobytes() == reference.tobytes()
    shorter = simulate_returns(model, Simulation(42, 1900, block_rows=400), horizon_days=3)
    np.testing.assert_array_equal(shorter, reference[:1900])


def test_days_of_a_horizon_are_independent() -> None:
    model = fit_t_copula(joint_returns(500))
    one, two = (returns_block(model, Simulation(3, 1), block=0, rows=20_000, day=day) for day in (0, 1))
    assert abs(np.corrcoef(one[:, 0], two[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(np.abs(one[:, 0]), np.abs(two[:, 0]))[0, 1]) < 0.03
    # Normals and mixing variable of one day must not share numbers either.
    assert abs(np.corrcoef(np.abs(one[:, 0]), np.abs(one[:, 2]))[0, 1]) > 0.05


def test_a_name_that_stands_still_and_more_names_than_days() -> None:
    history = joint_returns(200)
    history[:, 2] = 0.0
    still = returns_block(fit_t_copula(history), Simulation(1, 1), block=0, rows=500)
    assert (still[:, 2] == 0).all()
    wide = np.random.default_rng(1).standard_normal((60, 90)) * 0.01
    for margins in Margins:
        assert np.isfinite(returns_block(fit_t_copula(wide, margins=margins), Simulation(1, 1), block=0, rows=50)).all()


def test_what_is_refused() -> None:
    with pytest.raises(InsufficientHistory):
        fit_t_copula(joint_returns(49))
    with pytest.raises(InvalidParameter, match="dof"):
        fit_t_copula(joint_returns(100), dof=2.0)
