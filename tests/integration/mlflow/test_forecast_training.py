"""The training of the forecast from the lake to the version in use, on small histories."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pydantic import SecretStr

from lakehouse.clock import SystemClock
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import S3Settings, Settings
from lakehouse.stores import clickhouse, delta, objects
from lakehouse.stores.mlflow import connect
from ml.inference.forecast import NAME, forecaster
from ml.inference.models import Models
from ml.registry.promote_job import promote_accepted
from ml.registry.promotions import Promoter
from ml.registry.verdicts import verdict_of
from ml.training.forecast.__main__ import train
from ml.training.forecast.network import Recipe
from ml.training.forecast.panel import HistoryError, read
from ml.training.forecast.parameters import Parameters
from tests.factories.minio_server import minio_server

DAYS = 620
CLOCK = SystemClock()
SMALL = Parameters(years=3, folds=2, test_days=120, least_returns=300, recipe=Recipe(hidden=4, epochs=2, batch=256))


def calm_and_storm(names: int, *, seed: int) -> FloatArray:
    """Returns (DAYS, names) whose volatility swings: what a smoothed one follows, and a year's quantiles do not."""
    generator = np.random.default_rng(seed)
    wave = 0.008 * np.exp(1.2 * np.sin(np.arange(DAYS) / 25))
    return np.asarray(wave[:, None] * generator.standard_normal((DAYS, names)), dtype=np.float64)


def publish(section: S3Settings, returns: FloatArray) -> None:
    """Write the returns as the job of Spark would, weekdays up to 2022-12-28."""
    days = np.busday_offset("2022-12-28", np.arange(1 - DAYS, 1), roll="backward").astype("datetime64[D]")
    count = returns.shape[1]
    dates = np.repeat(days, count)
    flat = returns.reshape(-1)
    rows = {
        "business_year": dates.astype("datetime64[Y]").astype(int) + 1970,
        "symbol": [f"N{number}" for number in range(count)] * DAYS,
        "business_date": dates,
        "previous_date": dates - 1,
        "currency": ["USD"] * len(flat),
        "close": pa.array([Decimal(100)] * len(flat), pa.decimal128(18, 8)),
        "simple_return": np.expm1(flat),
        "log_return": flat,
    }
    table = pa.table(rows).select(RETURNS_DAILY.column_names).cast(arrow.schema(RETURNS_DAILY))
    uri = delta.uri(section, RETURNS_DAILY)
    write_deltalake(
        uri, table, mode="overwrite", partition_by=["business_year"], storage_options=delta.options(section)
    )


def quality_of(settings: Settings) -> dict[tuple[str, str], int]:
    """Rows of version 1 that analysts read, by aspect and verdict."""
    with clickhouse.connect(settings.clickhouse) as client:
        rows = client.query(
            "SELECT aspect, verdict, count() FROM model_quality_v1 WHERE model = {m:String} AND version = 1 "
            "GROUP BY aspect, verdict",
            parameters={"m": NAME},
        ).result_rows
    return {(aspect, verdict): count for aspect, verdict, count in rows}


@pytest.fixture(scope="module")
def lake(engines: Settings) -> Iterator[Settings]:
    """The engines of the folder, and an object store with an empty bucket."""
    like = S3Settings(access_key="tidemark", secret_key=SecretStr("tidemark-test"), lake_bucket="forecasts")
    with minio_server(like) as server:
        objects.ensure_bucket(objects.connect(server.settings), "forecasts")
        yield engines.model_copy(update={"s3": server.settings})


def test_from_the_lake_to_the_version_in_use(lake: Settings, models: Models, promoter: Promoter) -> None:
    day = date(2022, 12, 28)
    with pytest.raises(HistoryError, match="tidemark run returns_daily"):
        read(lake.s3, until=day, years=3)
    publish(lake.s3, calm_and_storm(3, seed=1))

    first, written = train(lake, day, SMALL, clock=CLOCK)
    again, _ = train(lake, day, SMALL, clock=CLOCK)

    assert (first.version, again.version, again.is_new) == (1, 1, False)
    told = models.store.version(NAME, 1)
    assert told.tags["beats_naive"] == "true"
    verdict = verdict_of(told)
    assert verdict["accepted"] is True
    assert (verdict["frozen"]["delta_version"], verdict["frozen"]["last"]) == (0, "2022-12-27")
    assert models.store.metrics(first.run_id)["p_value_naive"] < 0.05
    assert sum(quality_of(lake).values()) == written["ops.model_quality_v1"]
    assert {("calibration", ""), ("drift", "stable"), ("fold", ""), ("frozen", "")} <= set(quality_of(lake))
    assert models.store.parameters(first.run_id)["data.gold.returns_daily_v1"] == "0"
    artifacts = connect(lake.mlflow).list_artifacts(first.run_id)
    assert [each.path for each in artifacts] == ["frozen_set.png"]
    assert promote_accepted(lake, day + timedelta(days=7), clock=CLOCK) == 0  # nothing was trained for that day
    assert promote_accepted(lake, day, clock=CLOCK) == 1
    champion = forecaster(models.champion(NAME))
    found = champion.newest(calm_and_storm(1, seed=2)[:, 0])
    assert (found.quantiles.shape, champion.version) == ((1, 7), 1)

    # Another seed is another training: compared with the champion on the same days, and no better than by chance.
    second, _ = train(lake, day, replace(SMALL, seed=5), clock=CLOCK)
    verdict = verdict_of(models.store.version(NAME, second.version))
    assert verdict["champion_version"] == 1
    assert verdict["numbers"]["dm_p_value"] > 0
    if not verdict["accepted"]:
        assert promote_accepted(lake, day, clock=CLOCK) == 0
        assert [row.to_version for row in promoter.history(NAME)] == [1]


def test_returns_without_memory_are_not_said_to_be_forecast(lake: Settings, models: Models) -> None:
    publish(lake.s3, 0.01 * np.random.default_rng(4).standard_normal((DAYS, 3)))
    done, _ = train(lake, date(2022, 12, 28), replace(SMALL, seed=9), clock=CLOCK)
    told = models.store.version(NAME, done.version)
    assert told.tags["beats_naive"] == "false"
    verdict = verdict_of(told)
    assert verdict["accepted"] is False
    assert any("beats_naive is 0, below the floor of 1" in each for each in verdict["reasons"])


def test_a_history_that_is_too_short_is_named(lake: Settings) -> None:
    publish(lake.s3, calm_and_storm(2, seed=3))
    with pytest.raises(HistoryError, match="cannot be trained on"):
        train(lake, date(2022, 12, 28), replace(SMALL, folds=5), clock=CLOCK)
    with pytest.raises(HistoryError, match="no name has"):
        train(lake, date(2022, 12, 28), replace(SMALL, least_returns=5000), clock=CLOCK)
