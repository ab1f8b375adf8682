"""The weekly backtests on a small market: their tables, the same bytes twice, and their runs in MLflow."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from lakehouse.backtest.market import BadMarket
from lakehouse.cli.backtest_data import lake
from lakehouse.cli.backtest_options import BadOption
from lakehouse.clock import SystemClock
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.contracts.tables.strategy_backtests import STRATEGY_EQUITY, STRATEGY_RELATIVE, STRATEGY_RUNS
from lakehouse.domain.ids import uuid7
from lakehouse.settings import MlflowSettings, PostgresSettings, Settings
from lakehouse.stores import delta, postgres
from lakehouse.stores.mlflow import MlflowUnavailableError, connect
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch
from spark_jobs.kit.reproduce import reproduce
from spark_jobs.kit.sessions import sessions
from spark_jobs.strategy_backtests.job import JOB, UntestableError
from spark_jobs.strategy_backtests.parameters import Parameters
from spark_jobs.strategy_backtests.tracking import EXPERIMENT, track
from tests.factories.lake import lake_of_its_own, put, silver_bar

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY = date(2022, 12, 30)
CLOCK = SystemClock()
SYMBOLS = ("AAA", "BBB", "CCC")
SPLIT_ON = 65
INSTRUMENT = "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES ('BBB', 'BBB', 'USD', 'XNYS')"
SPLIT = """
    INSERT INTO app.corporate_action (id, symbol, kind, ex_date, ratio, source, applied_at)
    VALUES (%s, 'BBB', 'split', %s, 2, 'test', %s)
"""
GRIDS = {
    "buy_and_hold": {},
    "moving_average_cross": {"fast": ["2", "5"], "slow": ["10", "20"]},
}
SMALL = Parameters(train_days=60, test_days=20, groups=4, embargo_days=2, proof_days=80, grids=GRIDS)
SMALL_JOB = replace(JOB, plan=lambda run: replace(SMALL, actions=JOB.plan(run)["actions"]).document())


def run(job: Batch, settings: Settings) -> Manifest:
    return publish(job, Request(DAY), settings, clock=CLOCK)


@pytest.fixture(scope="module")
def market(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Three names with half a year of closes; one of them is split."""
    with lake_of_its_own(stack, database) as settings:
        days = sessions(2022, 2022, "XNYS")[-130:]
        moves = np.random.default_rng(11).normal(0.0003, 0.012, (len(days), len(SYMBOLS)))
        closes = 100 * np.exp(moves.cumsum(axis=0))
        closes[SPLIT_ON:, 1] /= 2
        bars = [
            silver_bar(symbol, day, f"{closes[number, column]:.2f}")
            for column, symbol in enumerate(SYMBOLS)
            for number, day in enumerate(days.tolist())
        ]
        put(settings, DAILY_BARS, bars)
        with postgres.connect(settings.postgres) as connection:
            connection.execute(INSTRUMENT)
            connection.execute(SPLIT, (uuid7(CLOCK), days[SPLIT_ON].item(), CLOCK.now()))
        yield settings


@pytest.fixture(scope="module")
def published(market: Settings) -> Manifest:
    return run(SMALL_JOB, market)


def test_every_trial_is_on_record(market: Settings, published: Manifest) -> None:
    rows = delta.open_table(market.s3, STRATEGY_RUNS).to_pyarrow_table().to_pylist()
    kinds = sorted((row["strategy"], row["kind"], row["trial"], row["trials"]) for row in rows)
    crosses = [("moving_average_cross", "trial", place, 4) for place in range(4)]
    assert kinds == [
        ("buy_and_hold", "trial", 0, 1),
        ("buy_and_hold", "walk_forward", 0, 1),
        *crosses,
        ("moving_average_cross", "walk_forward", 0, 4),
    ]
    assert {row["run_id"] for row in rows} == {published.run_id}
    assert [(told["symbol"], told["scale"]) for told in published.parameters["actions"]] == [("BBB", "0.5")]
    held = next(row for row in rows if (row["strategy"], row["kind"]) == ("buy_and_hold", "trial"))
    assert held["max_drawdown"] < 0.2  # a split is no loss
    assert all("decisions unchanged" in row["evidence"] for row in rows if row["is_best"])
    equity = delta.open_table(market.s3, STRATEGY_EQUITY).to_pyarrow_table()
    assert {str(day) for day in equity["business_date"].unique().to_pylist()} == {str(DAY)}
    assert equity.num_rows == 2 * 130 + 2 * (130 - 64 + 1)
    relative = delta.open_table(market.s3, STRATEGY_RELATIVE).to_pyarrow_table().to_pylist()
    compared = sorted((row["strategy"], row["kind"], row["trial"], row["benchmark"]) for row in relative)
    assert compared == [(*cross, "buy_and_hold") for cross in [each[:3] for each in kinds if each[3] == 4]]


def test_run_twice_there_is_one_result_and_an_old_one_can_be_recomputed(market: Settings, published: Manifest) -> None:
    again = run(SMALL_JOB, market)
    assert {name: output.row_count for name, output in again.outputs.items()} == {
        name: output.row_count for name, output in published.outputs.items()
    }
    assert delta.open_table(market.s3, STRATEGY_RUNS).to_pyarrow_table().num_rows == 7
    assert reproduce(SMALL_JOB, published.run_id, market, clock=CLOCK).reproduced


def test_bars_without_two_days_are_told(market: Settings) -> None:
    lonely = replace(JOB, plan=lambda _: replace(SMALL, currency="EUR").document())
    with pytest.raises(UntestableError, match="there are no bars"):
        run(lonely, market)


def test_the_command_reads_the_same_bars(market: Settings) -> None:
    found = lake(market, "")
    assert (found.symbols, found.days) == (SYMBOLS, 130)
    assert [(each.day, each.column, each.split) for each in found.actions] == [(SPLIT_ON, 1, 2.0)]
    with pytest.raises(BadMarket):
        lake(market, "EUR")
    bucket = market.s3.model_copy(update={"lake_bucket": f"{market.s3.lake_bucket}-no"})
    nowhere = market.postgres.model_copy(update={"port": 9})
    for gone in ({"s3": bucket}, {"postgres": nowhere}):
        with pytest.raises(BadOption, match="tidemark"):
            lake(market.model_copy(update=gone), "")


def test_outcomes_are_logged_to_mlflow_once(
    market: Settings, published: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow keeps the files of a database without a server in the working folder
    section = MlflowSettings(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    settings = market.model_copy(update={"mlflow": section})
    track(settings, published)
    track(settings, published)
    client = connect(section)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found = {logged.info.run_name: logged for logged in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == len(found) == 7
    walked = found[f"moving_average_cross/walk_forward/0 {DAY}"]
    assert walked.data.metrics["trials"] == 4
    assert walked.data.tags["tidemark.run_id"] == published.run_id
    assert walked.data.tags["delta.silver.daily_bars_v1"] == str(published.inputs["silver.daily_bars_v1"])
    files = {each.path for each in client.list_artifacts(walked.info.run_id)}
    assert files == {"report.html", "report.png", "trades.csv"}
    report = Path(client.download_artifacts(walked.info.run_id, "report.html")).read_text(encoding="utf-8")
    assert "benchmark return" in report
    relative = delta.open_table(market.s3, STRATEGY_RELATIVE).to_pyarrow_table().to_pylist()
    row = next(each for each in relative if each["kind"] == "walk_forward")
    assert walked.data.metrics["tracking_error"] == pytest.approx(row["tracking_error"])
    assert "tracking_error" not in found[f"buy_and_hold/trial/0 {DAY}"].data.metrics


def test_mlflow_that_is_gone_is_worth_another_try(
    market: Settings, published: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = market.model_copy(update={"mlflow": MlflowSettings(tracking_uri="http://127.0.0.1:9")})
    with pytest.raises(MlflowUnavailableError):
        track(settings, published)
