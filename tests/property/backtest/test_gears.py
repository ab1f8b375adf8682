"""The gate: both gears give the same trades and equity, whatever the market, the weights and the rules."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lakehouse.backtest.event import play_orders, play_weights
from lakehouse.backtest.gate import GearsDisagree, require_equal
from lakehouse.backtest.rules import Costs, Fill, Rules
from lakehouse.backtest.vectorised import run_orders, run_weights
from tests.factories.backtests import eventful

RULES = st.builds(
    Rules,
    initial_cash=st.sampled_from([1e4, 1e6]),
    fill=st.sampled_from(Fill),
    costs=st.builds(
        Costs,
        commission_bps=st.sampled_from([0.0, 3.0]),
        per_share=st.sampled_from([0.0, 0.01]),
        minimum=st.sampled_from([0.0, 1.0]),
        half_spread_bps=st.sampled_from([0.0, 5.0]),
        impact=st.sampled_from([0.0, 0.7]),
    ),
    max_gross=st.sampled_from([0.5, 1.0, 3.0]),
    lot=st.sampled_from([0.0, 1.0, 100.0]),
    max_volume_share=st.sampled_from([0.0, 0.01, 0.2]),
    borrow_rate=st.sampled_from([0.0, 0.05]),
    margin_spread=st.sampled_from([0.0, 0.02]),
    min_trade=st.sampled_from([0.0, 100.0]),
)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rules=RULES, short=st.booleans(), often=st.sampled_from([0.05, 0.6, 1.0]))
def test_weights_and_orders_are_the_same_in_both_gears(seed: int, rules: Rules, short: bool, often: float) -> None:
    market = eventful(seed)
    random = np.random.default_rng(seed)
    wishes = random.normal(0.1, 0.4, market.close.shape) if short else random.dirichlet(np.ones(5), market.days)
    wishes[random.random(wishes.shape) >= often] = np.nan
    for fast, slow in (
        (run_weights(market, wishes, rules), play_weights(market, wishes, rules)),
        (run_orders(market, wishes * 1000, rules), play_orders(market, wishes * 1000, rules)),
    ):
        require_equal(fast, slow.result)
        assert fast.equity.tobytes() == slow.result.equity.tobytes()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rules=RULES)
def test_without_leverage_and_shorts_cash_is_never_negative(seed: int, rules: Rules) -> None:
    market = eventful(seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(5), market.days)
    result = run_weights(market, weights, replace(rules, max_gross=min(rules.max_gross, 1.0)))
    assert result.cash.min() >= -1e-9 * rules.initial_cash


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rules=RULES)
def test_money_is_only_made_and_lost_in_the_open(seed: int, rules: Rules) -> None:
    """Without interest and corporate actions, cash is what came in less what trades cost."""
    market = replace(eventful(seed), actions=(), cash_rate=np.zeros(90))
    plain = replace(rules, borrow_rate=0.0, margin_spread=0.0)
    weights = np.random.default_rng(seed).normal(0.1, 0.3, market.close.shape)
    result = run_weights(market, weights, plain)
    spent = float((result.trades.units * result.trades.price + result.trades.fee).sum())
    assert result.cash[-1] == pytest.approx(rules.initial_cash - spent, abs=1e-6 * rules.initial_cash)


def test_the_gate_notices_a_cent() -> None:
    market, rules = eventful(1), Rules()
    weights = np.random.default_rng(1).dirichlet(np.ones(5), market.days)
    result = run_weights(market, weights, rules)
    off = result.equity.copy()
    off[10] += 0.01
    with pytest.raises(GearsDisagree, match=r"equity\[10\]"):
        require_equal(result, replace(result, equity=off))
    fewer = run_weights(market, np.where(np.arange(90)[:, None] == 50, np.nan, weights), rules)
    with pytest.raises(GearsDisagree, match="trades"):
        require_equal(result, fewer)
