"""Models and forecasts over HTTP: the version in use, the one that is named, the baseline, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from ml.inference.forecast import FEATURES, KIND, LEVELS, NAME
from ml.inference.models import Models
from ml.registry.promotions import Decision, Promoter
from ml.registry.registering import register
from ml.registry.saving import save_arrays
from ml.training.forecast.network import Network, arrays_of
from tests.factories import databases
from tests.factories.api_process import api_process
from tests.factories.api_users import api_user
from tests.factories.candidates import candidate, verdict
from tests.factories.mlflow_server import mlflow_starting

CLOCK = SystemClock()
CLOSES = [round(100 * float(np.exp(0.01 * np.sin(day))), 4) for day in range(130)]


@pytest.fixture(scope="module")
def settings(engines: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database of the module's own, and a registry with a forecasting model and one of another kind."""
    with mlflow_starting() as mlflow:
        home = tmp_path_factory.mktemp("models")
        made = databases.fresh(engines.settings).model_copy(update={"home": home})
        seed_demo(made)
        made = made.model_copy(update={"mlflow": mlflow()})
        example = candidate(home / "other", "other")
        register(made.mlflow, example, clock=CLOCK)
        register(made.mlflow, _forecast(home / "forecast"), clock=CLOCK)
        yield made


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A user of an API that reads this registry."""
    with api_process(settings, query_timeout_s=30.0) as api, api_user(settings).client(api.url) as found:
        yield found


def _forecast(folder: Path) -> Any:
    """The network before any training: it says what the baseline says."""
    arrays = {name: np.asarray(each, dtype=np.float64) for name, each in arrays_of(Network(4)).items()}
    document = {"kind": KIND, "levels": list(LEVELS), "features": dict(FEATURES)}
    save_arrays(arrays, np.zeros((2, 27, 3)), np.zeros((2, 8)), folder / "model", document=document)
    made = candidate(folder / "unused", NAME, judged=verdict())
    return type(made)(
        **{name: getattr(made, name) for name in made.__dataclass_fields__ if name != "folder"}, folder=folder / "model"
    )


def test_without_a_champion_the_baseline_answers_and_says_why(client: httpx.Client) -> None:
    told = client.post("/api/v1/forecast", json={"values": CLOSES}).raise_for_status().json()
    assert told["model"]["source"] == "baseline"
    assert (told["model"]["name"], told["model"]["version"]) == ("ewma_normal", None)
    assert "tidemark model promote return_forecast" in told["model"]["why"]
    assert told["closes"] == len(CLOSES)
    values = [float(each["log_return"]) for each in told["quantiles"]]
    assert values == sorted(values)
    assert values[3] == 0


def test_a_model_that_is_named_answers_before_it_is_promoted(client: httpx.Client) -> None:
    for uri in (f"models:/{NAME}/1", f"models:/{NAME}@challenger"):
        told = (
            client.post("/api/v1/forecast/model", json={"model_uri": uri, "values": CLOSES}).raise_for_status().json()
        )
        assert told["model"] == {"name": NAME, "version": 1, "source": "asked", "why": None}
    baseline = client.post("/api/v1/forecast", json={"values": CLOSES}).json()
    ours, theirs = ([float(each["log_return"]) for each in found["quantiles"]] for found in (told, baseline))
    assert ours == pytest.approx(theirs, abs=1e-7)


def test_what_is_no_forecasting_model_or_not_there_is_refused(client: httpx.Client) -> None:
    for uri, status, code in (
        ("models:/other/1", 409, "model_refused"),
        ("models:/nothing/1", 404, "model_not_found"),
        (f"models:/{NAME}@nobody", 404, "model_not_found"),
        ("runs:/0123456789abcdef0123456789abcdef/model", 404, "model_not_found"),
    ):
        answer = client.post("/api/v1/forecast/model", json={"model_uri": uri, "values": CLOSES})
        assert (answer.status_code, answer.json()["code"]) == (status, code), uri
    for uri in ("file:///etc/passwd", "s3://bucket/model", "models:/../x", "http://127.0.0.1/"):
        assert client.post("/api/v1/forecast/model", json={"model_uri": uri, "values": CLOSES}).status_code == 422


def test_series_that_cannot_be_forecast_are_refused(client: httpx.Client) -> None:
    for values in (CLOSES[:87], [*CLOSES, 0], [*CLOSES, -1], [*CLOSES, "100"], [*CLOSES, True]):
        assert client.post("/api/v1/forecast", json={"values": values}).status_code == 422
    assert client.post("/api/v1/forecast", json={"symbol": "NOBODY"}).json()["code"] == "instrument_unknown"


def test_the_promoted_model_answers_for_a_stored_symbol_and_is_listed(client: httpx.Client, settings: Settings) -> None:
    before = {each["name"]: each for each in client.get("/api/v1/models").raise_for_status().json()["data"]}
    assert (before[NAME]["champion"], before[NAME]["challenger"]["version"]) == (None, 1)
    models = Models(settings.mlflow, settings.home / "promoting")
    Promoter(settings.postgres, models, CLOCK).promote(NAME, Decision(approver="gate", reason="the gate accepted it"))
    models.close()
    first = datetime(2022, 1, 3, tzinfo=UTC)
    with postgres.connect(settings.postgres) as connection:
        [symbol] = connection.execute("SELECT symbol FROM app.instrument ORDER BY symbol LIMIT 1").fetchone() or [None]
        for day, close in enumerate(CLOSES):
            connection.execute(
                "INSERT INTO market.bar (symbol, interval, starts_at, close, provider, received_at)"
                " VALUES (%s, '1d', %s, %s, 'test', now())",
                (symbol, first + timedelta(days=day), close),
            )

    listed = {each["name"]: each for each in client.get("/api/v1/models").raise_for_status().json()["data"]}
    assert listed[NAME]["champion"] == before[NAME]["challenger"]
    assert listed[NAME]["champion"]["is_accepted"] is True
    assert (listed[NAME]["decided"]["kind"], listed[NAME]["decided"]["approver"]) == ("promoted", "gate")
    assert (listed["other"]["champion"], listed["other"]["challenger"]["is_accepted"]) == (None, None)
    with api_process(settings, query_timeout_s=30.0) as fresh, api_user(settings).client(fresh.url) as asker:
        told = asker.post("/api/v1/forecast", json={"symbol": symbol}).raise_for_status().json()
    assert told["model"] == {"name": NAME, "version": 1, "source": "champion", "why": None}
    assert (told["symbol"], told["as_of"], told["closes"]) == (symbol, "2022-05-12", len(CLOSES))
