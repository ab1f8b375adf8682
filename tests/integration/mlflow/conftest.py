"""A real MLflow, PostgreSQL and ClickHouse, migrated, shared by the folder; each test uses a model name of its own."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from lakehouse.clock import SystemClock
from lakehouse.migrations.clickhouse import upgrade
from lakehouse.settings import Settings
from ml.inference.models import Models
from ml.registry.promotions import Promoter
from tests.factories import databases
from tests.factories.clickhouse_process import clickhouse_process
from tests.factories.mlflow_server import mlflow_starting
from tests.factories.postgres_server import postgres_server


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of all."""
    with (
        mlflow_starting() as mlflow,
        postgres_server() as postgres,
        clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as clickhouse,
    ):
        home = tmp_path_factory.mktemp("home")
        settings = Settings(home=home, postgres=postgres, clickhouse=clickhouse.section)
        upgrade(clickhouse.settings)
        databases.template(settings)
        import_module("skops.io")  # it imports all of scikit-learn: now, while MLflow starts
        yield databases.fresh(settings).model_copy(update={"mlflow": mlflow()})


@pytest.fixture
def models(engines: Settings, tmp_path: Path) -> Iterator[Models]:
    """The registry, with a cache of the test's own."""
    with Models(engines.mlflow, tmp_path / "cache") as made:
        yield made


@pytest.fixture
def promoter(engines: Settings, models: Models) -> Promoter:
    """Decides about versions."""
    return Promoter(engines.postgres, models, SystemClock())
