"""A real Airflow of its own for tests: PostgreSQL, API server, scheduler and dag-processor on free loopback ports."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import SecretStr

from lakehouse.clock import SystemClock
from lakehouse.settings import AirflowSettings, PostgresSettings, inherited_environment, project_root
from lakehouse.stores.airflow import AirflowClient, AirflowUnreachableError
from tests.factories.ports import free_port
from tests.factories.postgres_server import postgres_server

VENV_BIN = Path(os.path.realpath(project_root() / ".venv" / "bin"))
START_TIMEOUT_S = 420.0
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class AirflowStack:
    """Where the Airflow is, what its processes are, and a folder that jobs started by it find as PROBE_DIR."""

    section: AirflowSettings
    probe_dir: Path
    logs: Path
    processes: Mapping[str, subprocess.Popen[bytes]]


@contextmanager
def airflow_stack(dags_folder: Path) -> Iterator[AirflowStack]:
    """Start everything, yield it when the scheduler is healthy, and leave no process and no file behind."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-airflow-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        database = stack.enter_context(postgres_server())
        yield stack.enter_context(_airflow(home, dags_folder, database))


@contextmanager
def _airflow(home: Path, dags_folder: Path, database: PostgresSettings) -> Iterator[AirflowStack]:
    section = AirflowSettings(
        url=f"http://127.0.0.1:{free_port()}", user="admin", password=SecretStr(secrets.token_hex(12))
    )
    probe_dir = home / "probes"
    probe_dir.mkdir()
    env = {
        **inherited_environment(),
        **_settings(home, section, dags_folder, database),
        "PROBE_DIR": str(probe_dir),
        "PATH": f"{VENV_BIN}:{inherited_environment()['PATH']}",
    }
    airflow = str(VENV_BIN / "airflow")
    with (home / "migrate.log").open("wb") as log:
        subprocess.run([airflow, "db", "migrate"], env=env, check=True, stdout=log, stderr=log, cwd=home)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("api-server", "scheduler", "dag-processor"):
            with (home / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(
                    [airflow, name], env=env, stdout=log, stderr=log, cwd=home, start_new_session=True
                )
        stack = AirflowStack(section, probe_dir, home, processes)
        _until_healthy(stack)
        yield stack
    finally:
        _end(processes)


def _settings(home: Path, section: AirflowSettings, dags_folder: Path, database: PostgresSettings) -> dict[str, str]:
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({section.user: section.password.get_secret_value()}))
    port = section.url.rpartition(":")[2]
    database_at = f"{database.user}@{database.host}:{database.port}/{database.database}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{section.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{section.user}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{database_at}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database_at}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": section.url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
        "TIDEMARK_MLFLOW__APPROVAL": "true",
    }


def _until_healthy(stack: AirflowStack) -> None:
    deadline = CLOCK.monotonic() + START_TIMEOUT_S
    wanted = ("metadatabase", "scheduler", "dag_processor")
    with AirflowClient(stack.section) as client:
        while CLOCK.monotonic() < deadline:
            if dead := [name for name, process in stack.processes.items() if process.poll() is not None]:
                raise RuntimeError(f"{dead} ended: {(stack.logs / f'{dead[0]}.log').read_text()[-2000:]}")
            try:
                if all(client.health().get(name) == "healthy" for name in wanted):
                    return
            except AirflowUnreachableError:
                pass  # not listening yet
            CLOCK.sleep(0.5)
    raise RuntimeError(f"Airflow is not healthy after {START_TIMEOUT_S:.0f} s; logs in {stack.logs}")


def _end(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    running = [process for process in processes.values() if process.poll() is None]
    family = [child for process in running for child in psutil.Process(process.pid).children(recursive=True)]
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in family:
        if child.is_running():
            child.kill()
