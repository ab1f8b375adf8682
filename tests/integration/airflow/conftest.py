"""One Airflow for all tests of this folder, fed with the DAGs of probe_dags."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.contracts.job_process import POOLS
from lakehouse.stores.airflow import AirflowClient
from tests.factories import real_engines
from tests.factories.airflow_stack import CLOCK, AirflowStack, airflow_stack

HERE = Path(__file__).parent
PROBES = frozenset(
    f"probe_{name}"
    for name in (
        "market",
        "risk",
        "flaky",
        "bad_data",
        "holiday",
        "undated",
        "burst",
        "slow",
        "timeout",
        "trained",
        "half_trained",
    )
)


@pytest.fixture(scope="session")
def airflow() -> Iterator[AirflowStack]:
    """Airflow with PostgreSQL of its own; skips where no PostgreSQL is to be had."""
    with airflow_stack(HERE / "probe_dags") as running:
        real_engines.record("airflow", f"started for these tests, {running.section.url}")
        yield running


@pytest.fixture(scope="session")
def client(airflow: AirflowStack) -> Iterator[AirflowClient]:
    """A client that has seen every probe DAG and made the pools."""
    with AirflowClient(airflow.section) as connected:
        connected.wait_dags(PROBES, clock=CLOCK, timeout_s=300)
        connected.ensure_pools(POOLS)
        yield connected
