"""Every method through the one call: what each says about itself, and rolling forecasts of it."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from lakehouse.risk import (
    BATCH_METHODS,
    FROM_RETURNS,
    Conventions,
    Covariance,
    InvalidParameter,
    Margins,
    Method,
    Simulation,
    Windows,
    estimate,
    estimate_holdings,
    portfolio_pnl,
    rolling_var,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.holdings import Rolling, rolling_holdings

SIMULATION = Simulation(seed=20221228, scenarios=10_000)


def market(days: int = 500, names: int = 6) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(21)
    returns = rng.standard_normal((days, 1)) * 0.008 + rng.standard_t(5, (days, names)) * 0.008
    return returns, np.abs(rng.normal(size=(names, 3))) * 1e6


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize("horizon_days", [1, 10])
def test_methods_agree_about_a_plain_book(method: Method, confidence: float, horizon_days: int) -> None:
    returns, held = market(800)
    chosen = Conventions(horizon_days=horizon_days)
    found, plain = (
        estimate_holdings(each, returns, held, confidence=confidence, simulation=SIMULATION, conventions=chosen)
        for each in (method, Method.PARAMETRIC_NORMAL)
    )
    # Wide enough for tails of their own, too narrow for a wrong root of time or a lost sign.
    np.testing.assert_allclose(found.var, plain.var, rtol=0.5)
    np.testing.assert_allclose(found.es, plain.es, rtol=0.6)
    assert (found.es >= found.var).all()
    assert found.method is method
    assert found.observations == 800
    assert f"horizon={horizon_days}d" in found.convention


def test_each_names_its_choices() -> None:
    returns, held = market()
    chosen = Conventions(
        horizon_days=5,
        windows=Windows.NON_OVERLAPPING,
        age_decay=0.99,
        covariance=Covariance.OAS,
        margins=Margins.STUDENT_T,
    )

    def said(method: Method, conventions: Conventions = chosen, gamma: FloatArray | None = None) -> str:
        return estimate_holdings(
            method, returns, held, confidence=0.95, simulation=SIMULATION, conventions=conventions, gamma=gamma
        ).convention

    drawn = "philox:seed=20221228,stream=0,block=4096"
    assert said(Method.HISTORICAL) == "quantile=lower;es=acerbi_tasche;horizon=5d,non_overlapping_sums"
    assert said(Method.AGE_WEIGHTED) == (
        "quantile=lower;es=acerbi_tasche;weights=age,decay=0.99;horizon=5d,non_overlapping_sums"
    )
    assert said(Method.FILTERED_HISTORICAL) == (
        "quantile=lower;es=acerbi_tasche;volatility=garch11,start=mean_square;"
        + drawn
        + ";horizon=5d,bootstrapped_paths"
    )
    assert said(Method.STUDENT_T) == "mean=sample;ddof=1;dof=maximum_likelihood;horizon=5d,independent_days"
    assert said(Method.DELTA_NORMAL) == "mean=zero;covariance=oas;horizon=5d,independent_days"
    assert said(Method.DELTA_GAMMA, Conventions(covariance=Covariance.EWMA)) == (
        "mean=zero;covariance=ewma,decay=0.94;gamma=none;quantile=cornish_fisher;horizon=1d"
    )
    assert said(Method.MONTE_CARLO_DELTA_GAMMA, Conventions(), np.zeros((6, 3))) == (
        "quantile=lower;es=acerbi_tasche;mean=zero;covariance=sample,ddof=1;gamma=own;" + drawn + ";horizon=1d"
    )
    assert said(Method.MONTE_CARLO_T_COPULA).startswith("quantile=lower;es=acerbi_tasche;copula=t,dof=")
    assert ";margins=student_t;" + drawn in said(Method.MONTE_CARLO_T_COPULA)


@pytest.mark.parametrize("method", [each for each in Method if each not in FROM_RETURNS])
def test_it_is_the_estimate_of_the_pnl(method: Method) -> None:
    returns, held = market()
    found = estimate_holdings(method, returns, held, confidence=0.95, simulation=SIMULATION)
    direct = estimate(method, portfolio_pnl(returns, held), confidence=0.95)
    assert found.var.tobytes() == direct.var.tobytes()
    assert found.convention == direct.convention


def test_long_options_lose_less_than_their_delta_says() -> None:
    returns, held = market()
    chosen: dict[str, Any] = {"confidence": 0.99, "simulation": SIMULATION}
    linear = estimate_holdings(Method.DELTA_NORMAL, returns, held, **chosen)
    for method in (Method.DELTA_GAMMA, Method.MONTE_CARLO_DELTA_GAMMA):
        bent = estimate_holdings(method, returns, held, gamma=held * 5, **chosen)
        short = estimate_holdings(method, returns, held, gamma=held * -5, **chosen)
        assert (bent.var < linear.var).all()
        assert (short.var > linear.var).all()


@pytest.mark.parametrize("method", [Method.MONTE_CARLO_T_COPULA, Method.DELTA_NORMAL, Method.FILTERED_HISTORICAL])
def test_rolling_forecasts_see_nothing_of_their_day(method: Method) -> None:
    returns, held = market(130)
    rolling = Rolling(window=120, streams=(101, 102, 103), simulation=Simulation(seed=1, scenarios=500))
    found = rolling_holdings(method, returns, held, confidence=0.95, rolling=rolling)
    alone = estimate_holdings(
        method, returns[8:128], held, confidence=0.95, simulation=Simulation(seed=1, scenarios=500, stream=102)
    )
    assert found.var[1].tobytes() == alone.var.tobytes()
    assert found.es[1].tobytes() == alone.es.tobytes()
    changed = returns.copy()
    changed[-1] = 0.5
    assert (
        rolling_holdings(method, changed, held, confidence=0.95, rolling=rolling).var.tobytes() == found.var.tobytes()
    )


@pytest.mark.parametrize("method", [Method.HISTORICAL, Method.STUDENT_T, Method.AGE_WEIGHTED, Method.CORNISH_FISHER])
def test_the_quick_way_of_rolling_gives_the_same_bits(method: Method) -> None:
    returns, held = market(130)
    rolling = Rolling(window=120, streams=range(10), simulation=SIMULATION)
    slow = rolling_holdings(method, returns, held, confidence=0.95, rolling=rolling)
    quick = rolling_var(method, portfolio_pnl(returns, held), confidence=0.95, window=120, backtest_days=10)
    assert quick.tobytes() == slow.var.tobytes()


def test_what_is_refused() -> None:
    returns, held = market()
    with pytest.raises(InvalidParameter, match="gamma"):
        estimate_holdings(Method.HISTORICAL, returns, held, confidence=0.95, simulation=SIMULATION, gamma=held)
    with pytest.raises(InvalidParameter, match="estimate_holdings"):
        estimate(Method.DELTA_GAMMA, portfolio_pnl(returns, held), confidence=0.95)
    for method in (Method.FILTERED_HISTORICAL, Method.MONTE_CARLO_T_COPULA):
        with pytest.raises(InvalidParameter):
            rolling_var(method, portfolio_pnl(returns, held), confidence=0.95, window=250, backtest_days=10)


def test_the_batch_measures_methods_that_exist() -> None:
    assert set(BATCH_METHODS) < set(Method)
    assert len(set(BATCH_METHODS)) == len(BATCH_METHODS)


def test_light_processes_stay_light() -> None:
    # The API imports this room: what only some methods need must not be in its memory before one of them is asked for.
    program = (
        "import sys; import lakehouse.risk, lakehouse.risk.holdings, lakehouse.risk.contributions; "
        "heavy = {'arch', 'sklearn', 'pandas', 'statsmodels', 'numba', 'matplotlib'}; "
        "sys.stdout.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
