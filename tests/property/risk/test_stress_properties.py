"""What must hold for every stress and every explained day: sums, scaling, distances, and exactness in minor units."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.pnl_explain import OF_THE_PRICE, CashDay, Fill, Part, PositionDay, explain_day
from lakehouse.risk.reverse_stress import LossOutOfReach, linear_reverse_stress, quadratic_reverse_stress
from lakehouse.risk.vectors import worst_scenarios

# A million units of a hundred at the highest price and rate are, in thousandths, a fifth of what the ledger can hold.
UNITS = st.decimals(-1_000_000, 1_000_000, places=8)
PRICE = st.decimals("0.00000001", 100_000, places=8)
RATE = st.decimals("0.0001", 200, places=8)
MINOR = st.integers(-(10**9), 10**9)
FILLS = st.lists(st.builds(Fill, units=UNITS, price=PRICE, fx_rate=RATE), max_size=3).map(tuple)
EFFECTS = st.dictionaries(st.sampled_from(OF_THE_PRICE), st.floats(-1e4, 1e4), max_size=4)
POSITION = st.builds(
    PositionDay,
    symbol=st.just("AAA"),
    units=UNITS,
    prices=st.tuples(PRICE, PRICE),
    fx_rates=st.tuples(RATE, RATE),
    multiplier=st.sampled_from([Decimal(1), Decimal(100), Decimal("0.01")]),
    fills=FILLS,
    income_minor=MINOR,
    fees_minor=MINOR,
    effects=EFFECTS,
)
CASH = st.builds(CashDay, currency=st.just("EUR"), amount=UNITS, fx_rates=st.tuples(RATE, RATE))
SMALL = st.floats(-1.0, 1.0).map(lambda value: round(value, 6))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(POSITION, max_size=4),
    st.lists(CASH, max_size=2),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.none() | MINOR,
)
def test_parts_sum_to_the_total_to_the_last_minor_unit(
    positions: list[PositionDay], cash: list[CashDay], base: str, booked: int | None
) -> None:
    found = explain_day(positions, base_currency=base, cash=cash, booked_minor=booked)
    for one in (found.whole, *found.positions):
        assert sum(one.parts.values()) == one.total
        assert set(one.parts) == set(Part)
    for position, one in zip(positions, found.positions, strict=False):
        # Each worth and each cost is rounded once, and so is the sum of the parts.
        assert abs(one.parts[Part.ROUNDING]) <= (3 + len(position.fills)) / 2
        if not position.effects:
            assert one.parts[Part.UNEXPLAINED] == 0
    if booked is None:
        assert found.whole.total == sum(one.total for one in found.positions)
    else:
        assert found.whole.total == booked


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float64, (12, 4), elements=SMALL), hnp.arrays(np.float64, 4, elements=SMALL), st.floats(0.01, 100))
def test_reverse_stress_causes_its_loss_and_scales_with_it(draws: FloatArray, held: FloatArray, loss: float) -> None:
    covariance = draws.T @ draws / 12 + np.eye(4) * 1e-3
    if not held.any():
        return
    found = linear_reverse_stress(held, covariance, loss=loss)
    np.testing.assert_allclose(held @ found.moves, -loss, rtol=1e-9)
    twice = linear_reverse_stress(held, covariance, loss=2 * loss)
    np.testing.assert_allclose([twice.distance], [2 * found.distance], rtol=1e-12)
    np.testing.assert_allclose(found.distance**2, found.moves @ np.linalg.solve(covariance, found.moves), rtol=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.float64, (12, 3), elements=SMALL),
    hnp.arrays(np.float64, 3, elements=SMALL),
    hnp.arrays(np.float64, (3, 3), elements=SMALL),
    st.floats(0.01, 10),
)
def test_curved_reverse_stress_meets_its_loss_no_farther_than_it_must(
    draws: FloatArray, deltas: FloatArray, bends: FloatArray, loss: float
) -> None:
    covariance, gammas = draws.T @ draws / 12 + np.eye(3) * 1e-3, bends + bends.T
    assume(np.linalg.eigvalsh(gammas).min() < -1e-6)  # positive gamma limits what can be lost: the next test
    found = quadratic_reverse_stress(deltas, gammas, covariance, loss=loss)
    np.testing.assert_allclose(found.pnl, -loss, rtol=1e-6)
    # No scenario that is nearer by 1 % loses as much: tried in many directions of the ellipsoid.
    root = np.linalg.cholesky(covariance)
    ways = np.random.default_rng(0).normal(size=(400, 3))
    moves = ways / np.linalg.norm(ways, axis=1)[:, None] * (0.99 * found.distance) @ root.T
    pnl = moves @ deltas + 0.5 * np.einsum("si,ij,sj->s", moves, gammas, moves)
    assert pnl.min() > -loss


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.float64, 3, elements=SMALL),
    hnp.arrays(np.float64, (3, 3), elements=SMALL),
    st.floats(0.01, 0.99),
)
def test_positive_gamma_can_lose_what_it_can_and_no_more(deltas: FloatArray, bends: FloatArray, share: float) -> None:
    gammas = bends @ bends.T + np.eye(3) * 0.1
    worst = float(deltas @ np.linalg.solve(gammas, deltas)) / 2
    assume(worst > 1e-6)
    found = quadratic_reverse_stress(deltas, gammas, np.eye(3), loss=share * worst)
    np.testing.assert_allclose(found.pnl, -share * worst, rtol=1e-6)
    with pytest.raises(LossOutOfReach) as refused:
        quadratic_reverse_stress(deltas, gammas, np.eye(3), loss=1.01 * worst)
    np.testing.assert_allclose(refused.value.worst, worst, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float64, (20, 3), elements=st.integers(-5, 5).map(float)), st.integers(1, 20))
def test_the_worst_are_a_prefix_of_the_sorted(pnl: FloatArray, count: int) -> None:
    found = worst_scenarios(pnl, count=count)
    np.testing.assert_array_equal(found.pnl, np.sort(pnl, axis=0)[:count])
    for column in range(3):
        assert len(set(found.scenario[:, column])) == count
