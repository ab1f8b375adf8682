"""The regime of a rebalancing: by the model that the run has pinned, by the rule where there is none."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from lakehouse.construction.regime import RULE_SOURCE, Regime
from ml.inference.regime import RegimeChain, to_document
from spark_jobs.rebalance.parameters import Windows, parse
from spark_jobs.rebalance.proposals import Closes, market_regime

WINDOWS = Windows(window_days=150, regime_days=400)
CHAIN = RegimeChain(
    means=np.array([0.001, 0.0, -0.003]),
    deviations=np.array([0.004, 0.012, 0.04]),
    transition=np.array([[0.98, 0.01, 0.01], [0.03, 0.95, 0.02], [0.01, 0.09, 0.9]]),
    initial=np.array([0.6, 0.35, 0.05]),
    names=(Regime.BULL, Regime.SIDEWAYS, Regime.BEAR),
)
TOLD = {
    "windows": {"window_days": 150, "regime_days": 400, "estimator": "sample"},
    "due": [],
    "regime_model": {"source": "model:market_regime@4", "chain": to_document(CHAIN)},
}


def closes(last_move: float) -> dict[str, Closes]:
    moves = np.append(np.random.default_rng(3).normal(0.001, 0.003, size=400), last_move)
    prices = 100 * np.cumprod(1 + moves)
    days = np.array([date(2021, 1, 1) + timedelta(days=day) for day in range(len(prices))], dtype="datetime64[D]")
    return {"A": Closes(days, prices, Decimal("100.00"), "USD")}


def test_the_pinned_model_reads_the_regime_and_is_named() -> None:
    model = parse(TOLD).regime_model
    calm, crash = (market_regime(closes(move), WINDOWS, model) for move in (0.001, -0.09))
    assert (calm.regime, calm.source) == (Regime.BULL, "model:market_regime@4")
    assert (crash.regime, crash.source) == (Regime.BEAR, "model:market_regime@4")


def test_runs_without_a_model_are_read_by_the_rule() -> None:
    assert parse({**TOLD, "regime_model": None}).regime_model is None
    assert parse({name: told for name, told in TOLD.items() if name != "regime_model"}).regime_model is None
    assert market_regime(closes(0.001), WINDOWS, None).source == RULE_SOURCE
