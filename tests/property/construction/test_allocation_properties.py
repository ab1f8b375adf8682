"""What holds of every allocation, whatever the market, the limits and the weights before."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings, strategies as st

from lakehouse.construction.allocate import allocate
from lakehouse.construction.limits import Group, Limits, long_only, turnover, violations
from lakehouse.construction.model import Goal, Market, Objective, Status, sample_market
from lakehouse.risk.checks import FloatArray

CONVEX = tuple(o for o in Objective if o not in (Objective.TARGET_WEIGHTS, Objective.RISK_BUDGETING))


def a_market(seed: int, count: int) -> Market:
    """Correlated returns of about 1 % a day."""
    draw = np.random.default_rng(seed)
    common = draw.normal(0.0004, 0.008, size=(120, 1))
    returns = common * draw.uniform(0.5, 1.5, count) + draw.normal(0.0, 0.01, size=(120, count))
    return sample_market(tuple(f"S{i}" for i in range(count)), returns)


def before(seed: int, count: int) -> FloatArray:
    """Weights that sum to 1."""
    drawn = np.random.default_rng(seed + 1).dirichlet(np.ones(count))
    return np.asarray(drawn, dtype=np.float64)


@st.composite
def limits(draw: st.DrawFn, count: int) -> Limits:
    """Limits that need not be possible together."""
    most = draw(st.sampled_from([1.0, 0.6, 0.3, 1.5 / count]))
    group = Group("first half", tuple(range(count // 2)), 0.0, draw(st.sampled_from([1.0, 0.5, 0.2])))
    cap = draw(st.sampled_from([None, 0.0, 0.05, 0.3, 2.0]))
    return replace(
        long_only(count, most=most, budget=draw(st.sampled_from([1.0, 0.75]))),
        groups=(group,),
        max_turnover=cap,
        cardinality=draw(st.sampled_from([None, None, max(2, count - 2)])),
    )


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 10_000), st.integers(3, 7), st.sampled_from(CONVEX))
def test_weights_keep_every_limit_or_stay_as_they_were_with_a_reason(
    data: st.DataObject, seed: int, count: int, objective: Objective
) -> None:
    chosen, held = data.draw(limits(count)), before(seed, count)
    found = allocate(Goal(objective), a_market(seed, count), chosen, held)
    if found.status is Status.SOLVED:
        assert violations(chosen, found.weights, held) == []
        assert abs(found.weights.sum() - chosen.budget) < 1e-6
        assert (found.weights >= 0).all()
        if chosen.max_turnover is not None:
            assert turnover(found.weights, held) <= chosen.max_turnover + 1e-6
        assert abs(found.contributions.sum() - 1) < 1e-9
    else:
        assert found.reasons
        np.testing.assert_array_equal(found.weights, held)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_risk_parity_contributes_equally(seed: int, count: int) -> None:
    found = allocate(Goal(Objective.RISK_PARITY), a_market(seed, count), long_only(count), before(seed, count))
    assert found.status is Status.SOLVED
    np.testing.assert_allclose(found.contributions, 1 / count, atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(CONVEX))
def test_the_same_input_gives_the_same_bytes(seed: int, objective: Objective) -> None:
    problem = Goal(objective), a_market(seed, 5), replace(long_only(5), max_turnover=0.4), before(seed, 5)
    assert allocate(*problem).weights.tobytes() == allocate(*problem).weights.tobytes()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((Objective.MIN_VARIANCE, Objective.HRP, Objective.RISK_PARITY)))
def test_weights_do_not_depend_on_the_unit_of_returns(seed: int, objective: Objective) -> None:
    plain = a_market(seed, 4)
    larger = sample_market(plain.symbols, plain.returns * 3)
    first = allocate(Goal(objective), plain, long_only(4), before(seed, 4)).weights
    second = allocate(Goal(objective), larger, long_only(4), before(seed, 4)).weights
    np.testing.assert_allclose(first, second, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(3, 6),
    st.sampled_from((Objective.MIN_VARIANCE, Objective.MAX_SHARPE, Objective.MEAN_CVAR)),
    st.sampled_from([None, 0.4]),
)
def test_long_and_short_weights_keep_gross_exposure_turnover_and_budget(
    seed: int, count: int, objective: Objective, cap: float | None
) -> None:
    chosen = Limits((-0.3,) * count, (0.8,) * count, budget=0.95, max_turnover=cap, max_gross=1.5)
    held = before(seed, count) * 1.2 - 0.2 / count
    found = allocate(Goal(objective), a_market(seed, count), chosen, held)
    if found.status is Status.SOLVED:
        assert violations(chosen, found.weights, held) == []
        assert np.abs(found.weights).sum() <= 1.5 + 1e-6
        assert cap is None or turnover(found.weights, held) <= cap + 1e-6
    else:
        assert found.reasons
        np.testing.assert_array_equal(found.weights, held)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 6), st.sampled_from((Objective.MIN_VARIANCE, Objective.HRP)))
def test_long_only_limits_leave_nothing_short(seed: int, count: int, objective: Objective) -> None:
    held = before(seed, count)
    held[0] = -held[0]
    found = allocate(Goal(objective), a_market(seed, count), long_only(count), held)
    assert found.status is Status.SOLVED
    assert (found.weights >= 0).all()
