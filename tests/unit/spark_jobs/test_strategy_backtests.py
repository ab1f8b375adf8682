"""The weekly backtests' pure parts: the study of a strategy, its rows, and the report that is made from them."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.backtest.market import Action, BadMarket, Market
from lakehouse.backtest.metrics import measure
from lakehouse.backtest.rules import BadRules, Rules, rules_of
from lakehouse.backtest.strategies.registry import STRATEGIES, build
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.contracts.tables.strategy_backtests import (
    STRATEGY_EQUITY,
    STRATEGY_RELATIVE,
    STRATEGY_RUNS,
    STRATEGY_TRADES,
)
from spark_jobs.strategy_backtests import transforms
from spark_jobs.strategy_backtests.parameters import BENCHMARK, GRIDS, Parameters, parse, variants
from spark_jobs.strategy_backtests.rows import decimals, equity_rows, relative_rows, run_rows, trade_rows
from spark_jobs.strategy_backtests.study import Outcome, study
from spark_jobs.strategy_backtests.tracking import report_files
from tests.factories.backtests import eventful

DAY = date(2023, 12, 31)
GRID = {"moving_average_cross": {"fast": ["2", "5"], "slow": ["10", "20"]}}
SMALL = Parameters(train_days=80, test_days=20, groups=5, proof_days=120, grids=GRID)


def market() -> Market:
    return eventful(7, days=200)


def outcomes(chosen: Parameters = SMALL) -> tuple[Outcome, ...]:
    return tuple(study(market(), "moving_average_cross", chosen))


def test_every_configured_strategy_exists_and_its_grid_can_be_built() -> None:
    assert set(GRIDS) == set(STRATEGIES)
    assert all(build(name, told) for name, grid in GRIDS.items() for told in variants(grid))


def test_parameters_come_back_from_their_document() -> None:
    assert parse(json.loads(json.dumps(SMALL.document()))) == SMALL
    older = {name: value for name, value in SMALL.document().items() if name not in ("embargo_days", "actions")}
    assert parse(older).embargo_days == 0


def test_all_trials_and_one_walk_forward_are_kept() -> None:
    found = outcomes()
    assert [(each.kind, each.trial) for each in found] == [("trial", n) for n in range(4)] + [("walk_forward", 0)]
    assert sum(each.is_best for each in found) == 2
    assert {each.result.trials for each in found} == {4}
    assert all(each.overfitting is not None and 0 <= each.overfitting <= 1 for each in found)
    best = next(each for each in found if each.is_best)
    assert measure(best.result).sharpe == max(measure(each.result).sharpe for each in found[:4])
    assert "decisions unchanged" in best.result.evidence
    assert "event-driven gear gave the same" in best.result.evidence


def test_a_short_history_has_no_walk_forward() -> None:
    assert {each.kind for each in outcomes(replace(SMALL, train_days=198))} == {"trial"}


def test_rows_have_the_columns_of_their_contracts_and_the_numbers_of_their_results() -> None:
    found = outcomes()
    runs, equity, trades = (make(found, DAY, "run") for make in (run_rows, equity_rows, trade_rows))
    for table, rows in ((STRATEGY_RUNS, runs), (STRATEGY_EQUITY, equity), (STRATEGY_TRADES, trades)):
        assert rows.schema.equals(schema(table))
        keys = list(zip(*(rows[name].to_pylist() for name in table.key), strict=True))
        assert len(set(keys)) == len(keys)
    best = [each for each in found if each.is_best]
    assert runs.num_rows == 5
    assert equity.num_rows == sum(len(each.result.dates) for each in best)
    assert trades.num_rows == sum(len(each.result.trades) for each in best)
    stored = [float(value) for value in equity["equity_base"].to_pylist()]
    assert stored == pytest.approx(np.concatenate([each.result.equity for each in best]), abs=0.0051)


def test_every_trial_is_compared_with_the_benchmark_of_its_kind() -> None:
    held = tuple(study(market(), BENCHMARK, replace(SMALL, grids={BENCHMARK: {}})))
    found = (*held, *outcomes())
    rows = relative_rows(found, BENCHMARK, DAY, "run")
    assert rows.schema.equals(schema(STRATEGY_RELATIVE))
    assert [(row["kind"], row["trial"]) for row in rows.to_pylist()] == [
        *(("trial", place) for place in range(4)),
        ("walk_forward", 0),
    ]
    for outcome, row in zip(found[len(held) :], rows.to_pylist(), strict=True):
        other = next(each.result for each in held if each.kind == outcome.kind)
        mine, theirs = (np.diff(each.equity) / each.equity[:-1] for each in (outcome.result, other))
        active = mine - theirs
        assert row["tracking_error"] == pytest.approx(active.std(ddof=1) * np.sqrt(252))
        assert row["information_ratio"] == pytest.approx(active.mean() / active.std(ddof=1) * np.sqrt(252))
        assert row["beta"] == pytest.approx(np.cov(mine, theirs)[0, 1] / theirs.var(ddof=1))
        years = 252 / len(mine)
        grown = [(each.equity[-1] / each.equity[0]) ** years for each in (outcome.result, other)]
        assert row["excess_return"] == pytest.approx(grown[0] - grown[1])
        assert row["benchmark"] == BENCHMARK


def test_what_cannot_be_compared_has_no_row() -> None:
    longer = tuple(study(market(), BENCHMARK, replace(SMALL, train_days=60, grids={BENCHMARK: {}})))
    rows = relative_rows((*longer, *outcomes()), BENCHMARK, DAY, "run").to_pylist()
    assert {row["kind"] for row in rows} == {"trial"}
    assert relative_rows(outcomes(), BENCHMARK, DAY, "run").num_rows == 0


def test_the_same_as_the_benchmark_has_no_information_ratio() -> None:
    held = tuple(study(market(), BENCHMARK, replace(SMALL, grids={BENCHMARK: {}})))
    twins = tuple(replace(each, strategy="twin") for each in held)
    for row in relative_rows((*held, *twins), BENCHMARK, DAY, "run").to_pylist():
        assert (row["tracking_error"], row["information_ratio"]) == (0.0, None)
        assert (row["excess_return"], row["beta"]) == (0.0, pytest.approx(1.0))


def test_the_report_is_made_from_rows() -> None:
    found = outcomes()
    row = next(row for row in run_rows(found, DAY, "run").to_pylist() if row["is_best"])
    count = len(next(each for each in found if each.is_best).result.dates)
    equity = equity_rows(found, DAY, "run").slice(0, count)
    trades = trade_rows(found, DAY, "run")
    trades = trades.filter(pa.array([kind == "trial" for kind in trades["kind"].to_pylist()]))
    compared = {**row, "benchmark_return": 0.25, "information_ratio": -1.5, "beta": None}
    files = report_files(compared, equity, trades, equity)
    html = files["report.html"]
    assert isinstance(html, str)
    assert "benchmark return</td><td>25.00%" in html
    assert "information ratio</td><td>-1.500" in html
    alone = report_files(row, equity, trades, None)
    assert "benchmark return" not in str(alone["report.html"])
    assert alone["report.png"] != files["report.png"]
    assert "Trials behind this result: 4." in html
    assert files["report.png"][:4] == b"\x89PNG"
    lines = str(files["trades.csv"]).splitlines()
    assert len(lines) == row["trade_count"] + 1


def test_numbers_become_exact_decimals() -> None:
    values = np.array([0.125, -2.5, 1e6 + 0.01, 123456789.994999, 0.1 + 0.2])
    assert [str(each) for each in decimals(values, 2).to_pylist()] == [
        "0.12",
        "-2.50",
        "1000000.01",
        "123456789.99",
        "0.30",
    ]


def test_rules_come_back_from_their_document() -> None:
    rules = Rules(lot=1.0, max_gross=2.0)
    assert rules_of(rules.document()) == rules
    with pytest.raises(BadRules):
        rules_of({"fill": "next_open"})


def bars(*closes: tuple[str, date, float | None, float]) -> pa.Table:
    wanted = schema(DAILY_BARS)
    names = transforms.USED
    rows = [
        {
            "symbol": symbol,
            "business_date": day,
            "open": first,
            "high": None,
            "low": None,
            "close": close,
            "volume": None,
        }
        for symbol, day, first, close in closes
    ]
    return pa.Table.from_pylist(
        rows, pa.schema([pa.field(name, pa.float64()) if name in names[2:] else wanted.field(name) for name in names])
    )


def test_bars_become_a_market_with_closes_where_opens_are_missing() -> None:
    first, second, third = date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)
    rows = bars(("B", second, 9.0, 10.0), ("A", first, None, 5.0), ("A", second, 5.5, 6.0), ("A", third, None, 7.0))
    split = {"symbol": "A", "ex_date": "2024-01-04", "scale": "0.5", "cash": "0"}
    chosen = replace(SMALL, history_days=2, cash_bps=252.0, delisting_return=-0.3, actions=[split])
    found = transforms.market(rows, chosen)
    assert found.actions == (Action(1, 0, 2.0),)
    assert (found.cash_rate.tolist(), found.delisting_return.tolist()) == ([1e-4, 1e-4], [-0.3, -0.3])
    assert found.symbols == ("A", "B")
    assert found.open.tolist()[0] == [5.5, 9.0]
    assert found.open[1, 0] == 7.0
    assert np.isnan(found.close[1, 1])
    assert "USD" in found.survivorship


def test_no_bars_and_doubled_bars_are_refused() -> None:
    day = date(2024, 1, 2)
    for rows in (bars(), bars(("A", day, 1.0, 1.0), ("A", day, 1.0, 2.0))):
        with pytest.raises(BadMarket):
            transforms.market(rows, replace(SMALL, history_days=2))
