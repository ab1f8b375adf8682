"""`tidemark backtest` on the dataset that needs no stack."""

from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from lakehouse.backtest.market import BadMarket
from lakehouse.backtest.strategies.kit import BadParameter
from lakehouse.cli import backtest_options
from lakehouse.cli.backtest_options import BadOption
from lakehouse.errors import TidemarkError

USUAL = ("--dataset", "sp500", "--start", "2019-01-01", "--end", "2021-12-31", "--symbols", "AAPL,KO,XOM")


def run(*arguments: str) -> str:
    app = typer.Typer(pretty_exceptions_enable=False)
    backtest_options.register(app)
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    if isinstance(done.exception, TidemarkError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_grid_is_tried_reported_and_checked(tmp_path: Path) -> None:
    told = run(
        "moving_average_cross", *USUAL, "--param", "fast=5,10", "--param", "slow=50", "--event", "--out", str(tmp_path)
    )
    assert "deflated sharpe" in told
    assert "biased upwards" in told
    assert "decisions unchanged by later days" in told
    assert "event-driven gear gave the same trades" in told
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.png", "trades.csv", "equity.csv"}
    assert "Trials behind this result: 2." in (tmp_path / "report.html").read_text(encoding="utf-8")
    equity = pd.read_csv(tmp_path / "equity.csv")
    assert equity["equity"].iloc[0] == 1_000_000
    assert len(pd.read_csv(tmp_path / "trades.csv")) > 0


def test_walk_forward_starts_after_the_first_training(tmp_path: Path) -> None:
    told = run(
        "mean_reversion", *USUAL, "--param", "entry=1,2", "--walk-forward", "252,63", "--out", str(tmp_path / "new")
    )
    assert "train 252 days, test 63" in told
    assert "2020-0" in told.splitlines()[0]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_signals_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    rows = pd.DataFrame({"date": ["2019-01-04", "2020-01-06"], "symbol": ["KO", "XOM"], "weight": [0.5, 1.0]})
    path = tmp_path / f"weights.{suffix}"
    rows.to_csv(path, index=False) if suffix == "csv" else rows.to_parquet(path)
    told = run("signals", *USUAL, "--signals", str(path), "--out", str(tmp_path))
    assert "cannot be proven from a file" in told
    trades = pd.read_csv(tmp_path / "trades.csv")
    assert trades["date"].tolist() == ["2019-01-07", "2020-01-07", "2020-01-07"]


def test_the_list_names_every_strategy() -> None:
    told = run("--list")
    assert all(name in told for name in ("momentum", "pairs", "rebalance", "signals", "lookback=252"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), BadOption),
        (("momentum", "--dataset", "moon"), BadOption),
        (("momentum", *USUAL, "--param", "lookback"), BadOption),
        (("momentum", *USUAL, "--fill", "now"), BadOption),
        (("momentum", *USUAL, "--walk-forward", "252"), BadOption),
        (("signals", *USUAL), BadOption),
        (("signals", *USUAL, "--signals", "/nowhere.csv"), BadOption),
        (("magic", *USUAL), BadParameter),
        (("momentum", "--dataset", "sp500", "--symbols", "NONE"), BadMarket),
        (("momentum", "--dataset", "sp500", "--start", "2031-01-01"), BadMarket),
        (("momentum", "--dataset", "sp500", "--start", "soon"), BadMarket),
    ],
)
def test_what_cannot_be_run_says_so(arguments: tuple[str, ...], error: type[TidemarkError]) -> None:
    with pytest.raises(error):
        run(*arguments)
