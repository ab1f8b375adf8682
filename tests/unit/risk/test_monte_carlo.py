"""Simulation: the same bytes however the work is cut, the right distribution, and what is refused."""

import hashlib
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from scipy.stats import kstest

from lakehouse.risk import (
    InsufficientHistory,
    InvalidParameter,
    Labels,
    Method,
    NotPositiveSemidefinite,
    ShapeMismatch,
    Simulation,
    estimate,
    fit_normal,
    moves_block,
    normal_block,
    parametric_normal_es,
    parametric_normal_var,
    pivoted_cholesky,
    portfolio_pnl,
    sample_covariance,
    simulate_moves,
)
from lakehouse.risk.checks import FloatArray
from tests.factories.simulated import normal_pnl

INSTRUMENTS, PORTFOLIOS, DAYS = 20, 7, 300


def market() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(11)
    common = rng.standard_normal((DAYS, 1)) * 0.01
    returns = common + rng.standard_normal((DAYS, INSTRUMENTS)) * 0.008 + 0.0003
    return returns, rng.normal(size=(INSTRUMENTS, PORTFOLIOS)) * 1e6


def test_partitions_do_not_change_a_byte() -> None:
    model = fit_normal(market()[0])
    simulation = Simulation(seed=42, scenarios=10_000, block_rows=1024)
    reference = simulate_moves(model, simulation)
    for partitions in (1, 2, 3, 8):
        parts: dict[int, FloatArray] = {}
        blocks = list(simulation.blocks())
        for partition in reversed(range(partitions)):
            for block, rows in blocks[partition::partitions]:
                parts[block] = moves_block(model, simulation, block=block, rows=rows)
        assert np.concatenate([parts[block] for block, _ in blocks]).tobytes() == reference.tobytes()


def test_a_portfolio_does_not_depend_on_those_beside_it() -> None:
    returns, exposures = market()
    simulation = Simulation(seed=42, scenarios=3000)
    together = normal_pnl(returns, exposures, simulation)
    for chosen in ([0], [3], [5, 1], [6, 4, 2, 0, 1]):
        alone = normal_pnl(returns, exposures[:, chosen], simulation)
        assert np.ascontiguousarray(alone).tobytes() == together[:, chosen].tobytes()


def test_the_product_is_exact() -> None:
    model = fit_normal(market()[0])
    normals = normal_block(Simulation(seed=1, scenarios=200), range(INSTRUMENTS), block=0, rows=200)
    whole = [[int(z * 2**18) for z in row] for row in normals]
    weights = [[int(w) for w in row] for row in model.weights]
    exact = [[sum(z * weights[i][p] for i, z in enumerate(row)) for p in range(INSTRUMENTS)] for row in whole]
    np.testing.assert_array_equal((normals @ model.weights) * 2.0**18, np.array(exact, dtype=np.float64))
    assert np.abs(normals).max() < 16
    assert np.abs(model.weights).sum(axis=0).max() <= 2**31


def test_the_grid_is_far_below_the_sampling_error() -> None:
    returns, exposures = market()
    model = fit_normal(returns)
    loadings = pivoted_cholesky(sample_covariance(returns))
    kept = model.weights * model.unit
    assert (np.linalg.norm(kept - loadings.T, axis=0) / returns.std(axis=0, ddof=1)).max() < 1e-7
    deviation = portfolio_pnl(returns, exposures).std(axis=0, ddof=1)
    assert (np.linalg.norm((kept - loadings.T) @ exposures, axis=0) / deviation).max() < 1e-7


SCRIPT = """
import hashlib, sys
import numpy as np
from lakehouse.risk import Method, Simulation, estimate, portfolio_pnl
from lakehouse.risk.cube import exposures_on_grid, normal_scenarios, scenario_pnl
rng = np.random.default_rng(1)
returns, exposures = rng.standard_normal((300, 150)) * 0.01, rng.normal(size=(150, 90)) * 1e6
simulation = Simulation(seed=3, scenarios=5000)
simulated = scenario_pnl(normal_scenarios(returns, simulation), exposures_on_grid(exposures.T)).T
risk = estimate(Method.MONTE_CARLO_NORMAL, simulated, confidence=0.99, simulation=simulation, observations=300)
content = simulated.tobytes() + risk.es.tobytes() + portfolio_pnl(returns, exposures).tobytes()
sys.stdout.write(hashlib.sha256(content).hexdigest())
"""


def test_threads_do_not_change_a_byte() -> None:
    def digest(threads: str) -> str:
        environment = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert digest("1") == digest("2") == digest("4")


def test_the_random_stream_is_pinned() -> None:
    # Guards recomputation: a NumPy that changes its normal stream changes every stored Monte-Carlo number.
    block = normal_block(Simulation(seed=20221228, scenarios=1, stream=7), (0, 1, 2, 3, 738_000), block=3, rows=64)
    assert (
        hashlib.sha256(block.tobytes()).hexdigest()
        == "7243ac28974a981bccdf78417adb6f839a17fcd5a853c8386ac2fc1c5b912046"
    )


def test_blocks_streams_and_seeds_differ() -> None:
    def draw(*, seed: int = 1, stream: int = 0, block: int = 0, lane: int = 0, first: int = 0) -> FloatArray:
        simulation = Simulation(seed=seed, scenarios=500, stream=stream)
        return normal_block(simulation, range(first, first + 4), block=block, rows=500, lane=lane)

    first = draw()
    seen = set(first.ravel().tolist())
    for other in (draw(block=1), draw(block=2), draw(stream=1), draw(seed=2), draw(lane=1), draw(first=4)):
        # A counter in its lowest word would repeat all but four numbers of the block before it.
        assert len(seen & set(other.ravel().tolist())) < 40
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.1


def test_a_number_goes_by_its_name_and_not_by_its_place() -> None:
    simulation = Simulation(seed=5, scenarios=100)
    alone = normal_block(simulation, (9,), block=2, rows=100)
    beside = normal_block(simulation, (5, 9, 7), block=2, rows=100)
    np.testing.assert_array_equal(beside[:, 1], alone[:, 0])
    symbols, days = ("A", "B"), (date(2026, 11, 20), date(2026, 11, 23))
    labels = Labels.of(symbols, days)
    assert labels.window(1, 2) == Labels.of(symbols, days[1:])
    assert labels.instruments == Labels.of(("A", "B"), ()).instruments
    assert len({*labels.instruments, *labels.days}) == 4


@pytest.mark.parametrize(("instruments", "alike"), [(6, 0.999), (90, 0.98)])  # a number an instrument, a number a day
def test_the_next_day_s_run_draws_the_same_scenarios(instruments: int, alike: float) -> None:
    rng = np.random.default_rng(7)
    returns = rng.standard_normal((151, 1)) * 0.01 + rng.standard_normal((151, instruments)) * 0.01
    labels = Labels(tuple(range(100, 100 + instruments)), tuple(range(730_000, 730_151)))
    runs = [
        simulate_moves(fit_normal(returns[days], labels=chosen), Simulation(seed=1, scenarios=4000, labels=chosen))
        for days, chosen in ((slice(0, 150), labels.window(0, 150)), (slice(1, 151), labels.window(1, 151)))
    ]
    for name in range(instruments):
        assert np.corrcoef(runs[0][:, name], runs[1][:, name])[0, 1] > alike


def test_one_more_instrument_does_not_redraw_the_others() -> None:
    rng = np.random.default_rng(8)
    returns = rng.standard_normal((60, 40)) * 0.01
    labels = Labels(tuple(range(40)), tuple(range(60)))
    for kept, alike in ((list(range(1, 40)), 1.0), (list(range(1, 20)), 0.9)):  # many instruments, and few
        fewer = Labels(tuple(kept), labels.days)
        more = Labels((0, *kept), labels.days)
        alone, beside = (
            simulate_moves(
                fit_normal(returns[:, list(each.instruments)], labels=each), Simulation(seed=1, scenarios=3000)
            )
            for each in (fewer, more)
        )
        for name in range(len(kept)):
            assert np.corrcoef(alone[:, name], beside[:, name + 1])[0, 1] >= alike - 1e-12


def test_fewer_rows_are_a_prefix() -> None:
    simulation = Simulation(seed=5, scenarios=100)
    full = normal_block(simulation, range(3), block=2, rows=100)
    np.testing.assert_array_equal(normal_block(simulation, range(3), block=2, rows=17), full[:17])
    model = fit_normal(market()[0])
    longer = simulate_moves(model, Simulation(seed=5, scenarios=900, block_rows=256))
    shorter = simulate_moves(model, Simulation(seed=5, scenarios=700, block_rows=256))
    np.testing.assert_array_equal(shorter, longer[:700])


def test_the_draws_are_standard_normal() -> None:
    simulation = Simulation(seed=8, scenarios=10_000)
    draws = np.concatenate([normal_block(simulation, range(10), block=block, rows=2000).ravel() for block in range(5)])
    assert kstest(draws, "norm").pvalue > 0.01
    assert draws.std() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("horizon", [1, 10])
def test_it_converges_to_the_parametric_normal(horizon: int) -> None:
    returns, exposures = market()
    simulation = Simulation(seed=13, scenarios=60_000)
    found = estimate(
        Method.MONTE_CARLO_NORMAL,
        normal_pnl(returns, exposures, simulation, horizon_days=horizon),
        confidence=0.99,
        simulation=simulation,
        observations=DAYS,
    )
    pnl = portfolio_pnl(returns, exposures)
    deviation = pnl.std(axis=0, ddof=1) * np.sqrt(horizon)
    # Standard error of the quantile: sqrt(c (1 - c) / n) / density; four of them, and more for the tail mean.
    error = np.sqrt(0.99 * 0.01 / simulation.scenarios) / 0.02665 * deviation
    exact = parametric_normal_var(pnl, confidence=0.99, horizon_days=horizon)
    assert (np.abs(found.var - exact) < 4 * error).all()
    exact = parametric_normal_es(pnl, confidence=0.99, horizon_days=horizon)
    assert (np.abs(found.es - exact) < 6 * error).all()


def test_covariance_and_its_factor() -> None:
    returns, _ = market()
    covariance = sample_covariance(returns)
    np.testing.assert_allclose(covariance, np.cov(returns, rowvar=False), rtol=1e-11)
    np.testing.assert_array_equal(covariance, covariance.T)
    np.testing.assert_allclose(sample_covariance(returns, ddof=0) * DAYS, covariance * (DAYS - 1), rtol=1e-12)
    loadings = pivoted_cholesky(covariance)
    assert loadings.shape == (INSTRUMENTS, INSTRUMENTS)
    np.testing.assert_allclose(loadings @ loadings.T, covariance, rtol=1e-11, atol=1e-18)


def test_more_instruments_than_days_is_singular_and_fine() -> None:
    returns = np.random.default_rng(2).standard_normal((12, 30)) * 0.01
    returns[:, 7] = 0.0  # one that never moves
    returns[:, 9] *= 1e-6  # and a quiet one
    covariance = sample_covariance(returns)
    loadings = pivoted_cholesky(covariance)
    assert loadings.shape == (30, 11)
    np.testing.assert_allclose(loadings @ loadings.T, covariance, rtol=1e-9, atol=1e-20)


def test_what_is_no_covariance_is_refused_by_name() -> None:
    with pytest.raises(NotPositiveSemidefinite) as indefinite:
        pivoted_cholesky([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    assert indefinite.value.defect > 0.5
    with pytest.raises(NotPositiveSemidefinite, match="row 1"):
        pivoted_cholesky([[1.0, 0.0], [0.0, -1e-12]])
    with pytest.raises(ShapeMismatch):
        pivoted_cholesky([[1.0, 0.5], [0.4, 1.0]])
    with pytest.raises(ShapeMismatch):
        pivoted_cholesky(np.ones((2, 3)))
    with pytest.raises(InsufficientHistory):
        sample_covariance(np.zeros((1, 2)))


def test_impossible_simulations_are_refused() -> None:
    whole = {"seed": 1, "scenarios": 10, "stream": 0, "block_rows": 10}
    for changed in ({"seed": -1}, {"seed": 2**64}, {"stream": -1}, {"scenarios": 0}, {"block_rows": 0}):
        told = whole | changed
        with pytest.raises(InvalidParameter):
            Simulation(told["seed"], told["scenarios"], stream=told["stream"], block_rows=told["block_rows"])
    with pytest.raises(InvalidParameter):
        normal_block(Simulation(seed=1, scenarios=1), range(1), block=-1, rows=1)
    wrong = Simulation(seed=1, scenarios=10, labels=Labels((1, 2), (1, 2, 3)))
    with pytest.raises(ShapeMismatch, match="3 days and 2 instruments"):
        normal_pnl(*market(), wrong)


def test_a_portfolio_without_positions_has_no_pnl() -> None:
    returns, exposures = market()
    exposures[:, 2] = 0.0
    simulated = normal_pnl(returns, exposures, Simulation(seed=1, scenarios=200))
    assert not simulated[:, 2].any()
