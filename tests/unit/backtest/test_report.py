"""Numbers and pages of a result."""

from dataclasses import replace

import numpy as np
import pytest

from lakehouse.backtest.metrics import drawdown, measure, monthly
from lakehouse.backtest.report import page, picture, readable, trades_csv
from lakehouse.backtest.result import Result
from lakehouse.backtest.rules import Rules
from lakehouse.backtest.vectorised import run_orders
from tests.factories.backtests import eventful, flat


def result() -> Result:
    market = replace(flat([10, 10, 12, 9, 18], [5, 5, 5, 5, 5]), benchmark=np.array([1.0, 1.0, 1.1, 1.0, 1.2]))
    wishes = np.full((5, 2), np.nan)
    wishes[0] = 100, 20
    wishes[2] = -50, np.nan
    return run_orders(market, wishes, Rules(initial_cash=2000.0))


def test_metrics_are_those_of_the_equity() -> None:
    found = measure(result())
    assert result().equity.tolist() == [2000, 2000, 2200, 1900, 2350]
    assert found.total_return == pytest.approx(0.175)
    assert found.max_drawdown == pytest.approx(300 / 2200)
    assert (found.trades, found.orders, found.trials) == (3, 3, 1)
    assert found.best_day == pytest.approx(2350 / 1900 - 1)
    assert found.turnover == pytest.approx((1000 + 100 + 450) / np.mean(result().equity) * 252 / 4)
    assert found.benchmark_return == pytest.approx(1.2 ** (252 / 4) - 1)
    assert found.excess_return == pytest.approx(1.175 ** (252 / 4) - 1.2 ** (252 / 4))
    active = np.array([0, 0.1, 1900 / 2200 - 1, 450 / 1900]) - np.array([0, 0.1, 1 / 1.1 - 1, 0.2])
    assert found.information_ratio == pytest.approx(active.mean() / active.std(ddof=1) * np.sqrt(252))
    assert found.deflated_sharpe == found.probabilistic_sharpe
    assert measure(result().tried(50, 0.1)).deflated_sharpe < found.probabilistic_sharpe


def test_a_benchmark_that_never_moves_has_a_return_and_no_risk() -> None:
    found = measure(replace(result(), benchmark=np.ones(5)))
    assert (found.benchmark_return, found.beta, found.tracking_error, found.information_ratio) == (
        0.0,
        None,
        None,
        None,
    )
    assert found.excess_return == found.annual_return


def test_a_strategy_that_does_nothing_has_numbers_too() -> None:
    idle = run_orders(flat([10, 11, 12, 13]), np.full((4, 1), np.nan), Rules())
    found = measure(idle)
    assert (found.total_return, found.volatility, found.sharpe, found.max_drawdown) == (0.0, 0.0, 0.0, 0.0)
    assert "calmar" not in found.document()


def test_what_leverage_loses_beyond_everything_is_everything() -> None:
    market = flat([10, 10, 2, 20])
    ruined = run_orders(
        market, np.array([[300.0], [np.nan], [np.nan], [np.nan]]), Rules(initial_cash=1000, max_gross=3)
    )
    assert ruined.equity.min() < 0
    assert ruined.returns.tolist() == [0.0, -1.0, 0.0]
    assert measure(ruined).max_drawdown == 1.0
    assert drawdown(ruined).max() == 1.0


def test_months_multiply_to_the_whole() -> None:
    market = eventful(1, days=90)
    found = run_orders(market, np.where(np.arange(90)[:, None] == 3, 50.0, np.nan) * np.ones(5), Rules())
    years, table = monthly(found)
    assert years == [2023]
    assert np.nanprod(1 + table) == pytest.approx(found.equity[-1] / found.rules.initial_cash)


def test_the_picture_is_a_png_and_the_same_each_time() -> None:
    image = picture(result(), "two names")
    assert image.startswith(b"\x89PNG")
    assert picture(result(), "two names") == image


def test_the_page_says_what_to_doubt_and_loads_nothing() -> None:
    found = result().tried(7, 0.01)
    html = page(found, measure(found).document(), "a <b>strategy</b>", {"fast": 2}, picture(found, "x"))
    assert "a &lt;b&gt;strategy&lt;/b&gt;" in html
    assert "Survivorship: made up for a test." in html
    assert "Trials behind this result: 7." in html
    assert "not checked for looking ahead" in html
    assert "http" not in html
    assert "src='data:image/png;base64," in html


def test_trades_are_listed() -> None:
    assert trades_csv(result()).splitlines() == [
        "date,symbol,side,units,price,fee,delisting",
        "2024-01-02,A,buy,100,10,0,false",
        "2024-01-02,B,buy,20,5,0,false",
        "2024-01-04,A,sell,50,9,0,false",
    ]


def test_numbers_are_readable() -> None:
    assert [readable("sharpe", 1.23456), readable("volatility", 0.1), readable("trades", 1234.0)] == [
        "1.235",
        "10.00%",
        "1,234",
    ]
