"""Acerbi and Szekely's tests: by hand, against their critical values, and on models that are right and wrong."""

from typing import Any

import numpy as np
import pytest

from lakehouse.risk import InvalidParameter, Method, ShapeMismatch, compare, rolling_es, rolling_var
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.es_backtest import Z2_CRITICAL, NullModel, acerbi_szekely_z1, acerbi_szekely_z2, simulated_records
from lakehouse.risk.student_t import t_quantile, t_tail_mean
from lakehouse.risk.var_backtest import Backtest

NULL = NullModel(seed=1, trials=10_000)


def right_model(days: int = 250, portfolios: int = 40, size: float = 1.0) -> tuple[Backtest, FloatArray]:
    """Normal P&L of deviation `size`, forecast as deviation 1 at 97.5 %."""
    pnl = np.random.default_rng(3).standard_normal((days, portfolios)) * size
    many = np.array([1e9])
    var, shortfall = t_quantile(many, 0.975)[0], t_tail_mean(many, 0.975)[0]
    return compare(np.full(pnl.shape, var), pnl), np.full(pnl.shape, shortfall)


def test_by_hand() -> None:
    pnl = np.array([[-3.0], [1.0], [-5.0], [0.0]])
    held = compare(np.full((4, 1), 2.0), pnl)
    shortfall = np.array([[3.0], [3.0], [4.0], [3.0]])
    first = acerbi_szekely_z1(held, shortfall, confidence=0.75, null=NULL)
    second = acerbi_szekely_z2(held, shortfall, confidence=0.75, null=NULL)
    assert first.statistic[0] == pytest.approx((-3 / 3 - 5 / 4) / 2 + 1)
    assert second.statistic[0] == pytest.approx((-3 / 3 - 5 / 4) / (4 * 0.25) + 1)


@pytest.mark.parametrize(("dof", "published"), [(None, -0.70), (100.0, -0.70), (10.0, -0.71), (3.0, -0.82)])
def test_the_published_critical_value(dof: float | None, published: float) -> None:
    # Acerbi and Szekely (2014), table 4: Z2 at 5 %, 250 days, 97.5 %.
    _, sums = simulated_records(250, 0.975, NullModel(seed=2, trials=40_000, dof=dof))
    assert np.quantile(sums / (250 * 0.025) + 1, 0.05) == pytest.approx(published, abs=0.03)
    assert Z2_CRITICAL[0.05] == -0.70


def test_expected_zero_of_a_right_model() -> None:
    breaches, sums = simulated_records(250, 0.975, NullModel(seed=5, trials=40_000))
    assert breaches.mean() == pytest.approx(6.25, abs=0.05)
    assert (sums / 6.25 + 1).mean() == pytest.approx(0.0, abs=0.02)


def test_right_models_pass_and_small_shortfalls_do_not() -> None:
    held, shortfall = right_model()
    for test in (acerbi_szekely_z1, acerbi_szekely_z2):
        found = test(held, shortfall, confidence=0.975, null=NULL)
        assert 0.3 < np.nanmean(found.p_value) < 0.7
        assert (found.p_value < 0.05).mean() < 0.2
    wilder, _ = right_model(size=1.5)
    assert (acerbi_szekely_z2(wilder, shortfall, confidence=0.975, null=NULL).p_value < 0.05).mean() > 0.9
    # Breaches of the right number whose depth is understated: only the conditional test is about that.
    deep = Backtest(held.var, np.where(held.breach, held.pnl * 1.6, held.pnl), held.breach)
    assert (acerbi_szekely_z1(deep, shortfall, confidence=0.975, null=NULL).p_value < 0.05).mean() > 0.9


def test_a_record_without_breach() -> None:
    held = compare(np.full((250, 1), 2.0), np.zeros((250, 1)))
    first = acerbi_szekely_z1(held, held.var, confidence=0.99, null=NULL)
    second = acerbi_szekely_z2(held, held.var, confidence=0.99, null=NULL)
    assert np.isnan(first.statistic[0])
    assert np.isnan(first.p_value[0])
    assert second.statistic[0] == 1.0
    assert second.p_value[0] == 1.0


def test_days_without_a_forecast_do_not_count() -> None:
    held, shortfall = right_model(100, 2)
    var, size = held.var.copy(), shortfall.copy()
    var[:30, 0] = size[:30, 0] = np.nan
    found = acerbi_szekely_z2(compare(var, held.pnl), size, confidence=0.975, null=NULL)
    late = Backtest(held.var[30:, [0]], held.pnl[30:, [0]], held.breach[30:, [0]])
    assert found.statistic[0] == acerbi_szekely_z2(late, shortfall[30:, [0]], confidence=0.975, null=NULL).statistic[0]


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = (simulated_records(250, 0.975, NullModel(seed=9, trials=9000)) for _ in range(2))
    assert one[1].tobytes() == two[1].tobytes()
    assert simulated_records(250, 0.975, NullModel(seed=8, trials=9000))[1].tobytes() != one[1].tobytes()


@pytest.mark.parametrize("method", [Method.HISTORICAL, Method.AGE_WEIGHTED, Method.STUDENT_T])
def test_rolling_shortfalls_feed_it(method: Method) -> None:
    pnl = np.random.default_rng(4).standard_normal((600, 3))
    chosen: dict[str, Any] = {"confidence": 0.975, "window": 250, "backtest_days": 250}
    var, shortfall = (roll(method, pnl, **chosen) for roll in (rolling_var, rolling_es))
    assert (shortfall >= var - 1e-12).all()
    found = acerbi_szekely_z2(compare(var, pnl[-250:]), shortfall, confidence=0.975, null=NULL)
    assert (found.p_value > 0.001).all()


def test_what_is_refused() -> None:
    held, shortfall = right_model(50, 2)
    with pytest.raises(ShapeMismatch):
        acerbi_szekely_z1(held, shortfall[:10], confidence=0.975, null=NULL)
    with pytest.raises(InvalidParameter, match="shortfall"):
        acerbi_szekely_z2(held, shortfall * 0, confidence=0.975, null=NULL)
    with pytest.raises(InvalidParameter, match="dof"):
        NullModel(seed=1, dof=2.0)
