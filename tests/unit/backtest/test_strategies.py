"""Every strategy: what it decides on markets whose answer is known, and that it does not look ahead on random ones."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lakehouse.backtest.causality import LookAhead, prove, prove_orders
from lakehouse.backtest.market import Action, Market, adjusted_close
from lakehouse.backtest.orders import Intent, Seen
from lakehouse.backtest.rules import Rules
from lakehouse.backtest.strategies.kit import BadParameter, carried_prices
from lakehouse.backtest.strategies.registry import STRATEGIES, build, document, parameters, summary
from lakehouse.backtest.strategies.signals import Signals
from lakehouse.risk.checks import FloatArray
from tests.factories.backtests import eventful, flat

QUICK: dict[str, dict[str, str]] = {
    "buy_and_hold": {},
    "moving_average_cross": {"fast": "3", "slow": "10"},
    "momentum": {"lookback": "30", "skip": "5"},
    "mean_reversion": {"window": "10", "entry": "1"},
    "volatility_target": {"window": "10"},
    "pairs": {"window": "20", "entry": "1", "first": "S0", "second": "S3"},
    "rebalance": {"lookback": "25", "policy": "inverse_volatility"},
    "regime_policy": {"lookback": "25"},
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_looks_ahead(name: str) -> None:
    for seed in range(3):
        statement = prove(build(name, QUICK[name]), eventful(seed, days=150), seed=seed, cuts=3)
        assert statement.startswith("decisions unchanged by later days")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_decides_something_within_its_means(name: str) -> None:
    weights = build(name, QUICK[name]).weights(eventful(2, days=150))
    assert np.nansum(np.abs(weights)) > 0
    assert np.nanmax(np.nansum(np.abs(weights), axis=1)) <= 1 + 1e-9


@dataclass(frozen=True)
class Clairvoyant:
    """Holds what will rise tomorrow."""

    def weights(self, market: Market) -> FloatArray:
        prices = carried_prices(market)
        rises = np.vstack([prices[1:] > prices[:-1], np.zeros((1, len(market.symbols)), dtype=bool)])
        return rises / len(market.symbols)


@dataclass(frozen=True)
class Standardised:
    """Looks ahead the way that people do by mistake: scores by the mean of the whole history."""

    def weights(self, market: Market) -> FloatArray:
        prices = carried_prices(market)
        return np.where(prices < np.nanmean(prices, axis=0), 0.2, 0.0)


@dataclass(frozen=True)
class PeekingOrders:
    """Buys before a rise, with the market's arrays in its hands."""

    def decide(self, seen: Seen) -> list[Intent]:
        after = seen.market.close[seen.day + 1 : seen.day + 2, 0]
        return [Intent(column=0, units=1)] if (after > seen.close[-1, 0]).any() else []


@pytest.mark.parametrize("cheat", [Clairvoyant(), Standardised()])
def test_looking_ahead_is_found(cheat: Clairvoyant | Standardised) -> None:
    with pytest.raises(LookAhead, match="sees the future"):
        prove(cheat, eventful(1), seed=1)


def test_looking_ahead_by_orders_is_found() -> None:
    market = eventful(1, holes=0.0)
    with pytest.raises(LookAhead):
        prove_orders(PeekingOrders(), market, Rules(), seed=1)


@dataclass(frozen=True)
class Dips:
    """Buys after a fall."""

    def decide(self, seen: Seen) -> list[Intent]:
        return [Intent(column=0, units=1)] if len(seen.close) > 1 and seen.close[-1, 0] < seen.close[-2, 0] else []


def test_orders_that_look_back_pass() -> None:
    assert prove_orders(Dips(), eventful(1), Rules(), seed=1).startswith("decisions unchanged")


def test_the_fast_average_above_the_slow_one_is_held() -> None:
    market = flat([10, 10, 10, 13, 13, 9, 9], [10] * 7)
    weights = build("moving_average_cross", {"fast": "1", "slow": "3"}).weights(market)
    assert weights[3].tolist() == [0.5, 0.0]
    assert np.isnan(weights[4]).all()
    assert weights[5].tolist() == [0.0, 0.0]


def test_winners_are_held_in_equal_parts_from_the_first_day_of_a_month() -> None:
    days = 70
    growth = [1.001, 1.002, 0.999, 1.003]
    market = flat(*[(100 * np.power(rate, range(days))).tolist() for rate in growth])
    weights = build("momentum", {"lookback": "20", "skip": "5", "top": "0.5"}).weights(market)
    decided = np.flatnonzero(~np.isnan(weights).all(axis=1))
    assert [str(market.dates[day]) for day in decided] == ["2024-02-01", "2024-03-01"]
    assert weights[decided[0]].tolist() == [0.0, 0.5, 0.0, 0.5]


def test_a_fall_is_bought_and_sold_at_the_mean() -> None:
    closes = [100.0, 101.0] * 10 + [90.0, 90.0, 101.0, 101.0]
    weights = build("mean_reversion", {"window": "10", "entry": "2", "exit": "0"}).weights(flat(closes))
    assert weights[20, 0] == 1.0
    assert weights[22, 0] == 0.0


def test_the_basket_shrinks_when_volatility_grows() -> None:
    random = np.random.default_rng(3)
    calm, wild = random.normal(0, 0.005, 100), random.normal(0, 0.03, 100)
    market = flat((100 * np.cumprod(1 + np.concatenate([calm, wild]))).tolist())
    weights = build("volatility_target", {"target": "0.1", "window": "20"}).weights(market)[:, 0]
    decided = weights[np.isfinite(weights)]
    assert decided[0] > 0.9
    assert decided[-1] < 0.35


def test_a_spread_far_below_its_mean_is_bought_hedged() -> None:
    random = np.random.default_rng(5)
    second = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 80)))
    noise = random.normal(0, 0.002, 80)
    noise[70] = -0.05
    market = flat((second * np.exp(noise)).tolist(), second.tolist())
    weights = build("pairs", {"window": "40", "entry": "2"}).weights(market)
    assert weights[70, 0] > 0 > weights[70, 1]
    assert np.abs(weights[70]).sum() == pytest.approx(1.0)
    assert weights[71].tolist() == [0.0, 0.0]


def test_a_policy_of_construction_is_followed() -> None:
    market = eventful(4, days=120, holes=0.0)
    weights = build("rebalance", {"policy": "min_variance", "lookback": "40"}).weights(market)
    decided = weights[~np.isnan(weights).all(axis=1)]
    assert len(decided) == 3
    assert decided.sum(axis=1) == pytest.approx(1.0)
    assert decided[-1, 1] == 0.0  # it is delisted by then
    quarterly = build("rebalance", {"policy": "equal_weight", "lookback": "2", "every": "quarter"}).weights(market)
    assert (~np.isnan(quarterly).all(axis=1)).sum() == 1


def test_the_aim_follows_the_regime_in_steps() -> None:
    random = np.random.default_rng(8)
    calm, crash = random.normal(0.001, 0.006, (300, 4)), random.normal(-0.006, 0.03, (80, 4))
    market = flat(*(100 * np.cumprod(1 + np.vstack([calm, crash]), axis=0)).T.tolist())
    weights = build("regime_policy", {"lookback": "60", "rate": "0.5"}).weights(market)
    invested = weights[~np.isnan(weights).all(axis=1)].sum(axis=1)
    assert invested[0] == pytest.approx(0.95)  # history is too short for a regime: sideways
    assert invested.max() > 0.99  # a bull market is invested whole
    assert invested[-1] < 0.85  # a bear market keeps 0.3 back, reached in steps
    assert np.abs(np.diff(invested)).max() < 0.2


def test_signals_are_weights_of_their_dates() -> None:
    market = flat([10, 10, 10], [20, 20, 20])
    dates = np.array(["2024-01-02", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    weights = Signals(dates=dates, symbols=("A", "B", "B"), values=np.array([0.3, 0.2, 0.5])).weights(market)
    assert np.isnan(weights[0]).all()
    assert weights[1:].tolist() == [[0.3, 0.2], [0.0, 0.5]]


@pytest.mark.parametrize(
    ("date", "symbols", "values"),
    [
        ("2024-01-01", ("A", "Z"), (0.1, 0.1)),
        ("2024-01-01", ("A", "A"), (0.1, 0.1)),
        ("2024-01-01", ("A", "B"), (0.1, np.nan)),
        ("2025-01-01", ("A", "B"), (0.1, 0.1)),
        ("2023-12-31", ("A", "B"), (0.1, 0.1)),
    ],
)
def test_signals_that_do_not_fit_are_refused(date: str, symbols: tuple[str, ...], values: tuple[float, ...]) -> None:
    dates = np.array([date] * 2, dtype="datetime64[D]")
    with pytest.raises(BadParameter):
        Signals(dates=dates, symbols=symbols, values=np.array(values)).weights(flat([1, 1, 1], [1, 1, 1]))


def test_parameters_are_read_from_text_and_written_back() -> None:
    strategy = build("rebalance", {"policy": "hrp", "most": "0.5", "lookback": "60"})
    assert document(strategy) == {"policy": "hrp", "lookback": 60, "every": "month", "most": 0.5, "budget": 1.0}
    assert {each.name for each in parameters("pairs")} == {"first", "second", "window", "entry", "exit", "gross"}
    assert all(summary(name) for name in STRATEGIES)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing", {}),
        ("momentum", {"window": "3"}),
        ("momentum", {"lookback": "many"}),
        ("momentum", {"top": "0"}),
        ("moving_average_cross", {"fast": "300"}),
        ("mean_reversion", {"window": "1"}),
        ("volatility_target", {"target": "0"}),
        ("pairs", {"exit": "3"}),
        ("rebalance", {"policy": "risk_budgeting"}),
        ("rebalance", {"policy": "magic"}),
        ("regime_policy", {"rate": "0"}),
    ],
)
def test_parameters_without_sense_are_refused(name: str, told: dict[str, str]) -> None:
    with pytest.raises(BadParameter):
        build(name, told)


def test_a_pair_must_be_there() -> None:
    with pytest.raises(BadParameter, match="not among"):
        build("pairs", {"first": "Z"}).weights(flat([1, 1], [1, 1]))


def test_adjusted_closes_know_no_later_day() -> None:
    market = replace(flat([100, 100, 50, 45]), actions=(Action(2, 0, 2.0), Action(3, 0, 1.0, 5.0)))
    assert adjusted_close(market)[:, 0].tolist() == pytest.approx([100, 100, 100, 100])
    assert adjusted_close(market.until(2))[:, 0].tolist() == [100, 100, 100]
