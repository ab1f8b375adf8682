"""DAG files read by fresh processes: the same DAG each time, and no heavy package on the way."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import inherited_environment, project_root

pytestmark = pytest.mark.integration
DAGS = project_root() / "dags"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping[str, Any]]:
    """What two processes with different hash seeds make of the DAG folder."""
    homes = [tmp_path_factory.mktemp(f"seed{seed}") for seed in (1, 2)]
    processes = [start(home, seed) for seed, home in enumerate(homes, 1)]
    found = [process.communicate(timeout=400)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return [json.loads(output.splitlines()[-1]) for output in found]


def start(home: Path, seed: int) -> "subprocess.Popen[bytes]":
    """A process that reads the DAG folder."""
    environment = {
        **inherited_environment(),
        "PYTHONHASHSEED": str(seed),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/unused.db",
    }
    command = [sys.executable, "-m", "tests.integration.airflow.parsed", str(DAGS)]
    return subprocess.Popen(
        command, env=environment, cwd=project_root(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def test_a_dag_is_serialised_to_the_same_hash_every_time(reports: list[Mapping[str, Any]]) -> None:
    """Otherwise every parse would make a new version of it."""
    assert reports[0]["hashes"] == reports[1]["hashes"]
    assert reports[0]["unstable"] == []
    assert set(reports[0]["hashes"]) == {
        "alert_monitor",
        "backtests_weekly",
        "books_nightly",
        "market_daily",
        "risk_daily",
        "lake_maintenance",
        "models_weekly",
        "rebalance_daily",
        "allocate_portfolios",
    }


def test_no_dag_reaches_an_engine_or_a_numeric_package(reports: list[Mapping[str, Any]]) -> None:
    assert reports[0]["errors"] == {}
    assert reports[0]["reached"] == []
