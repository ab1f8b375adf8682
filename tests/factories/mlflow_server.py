"""A real MLflow server of a test's own, as the stack runs it but for its database, a file."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.clock import SystemClock
from lakehouse.local import probes
from lakehouse.settings import MlflowSettings, inherited_environment
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 360.0
STOP_TIMEOUT_S = 120.0
CLOCK = SystemClock()


@contextmanager
def mlflow_starting() -> Iterator[Callable[[], MlflowSettings]]:
    """An empty server on a free loopback port; it and its files are gone afterwards. It takes twelve seconds of CPU to
    start, in which other work can be done: what is yielded waits for it, and gives its settings."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-mlflow-"))
    port = str(free_port())
    environment = {
        **inherited_environment(),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{home}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(home / "artifacts"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    words = (sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1")
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, cwd=home, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answering() -> MlflowSettings:
        probes.until_passes(probes.http_ok(f"{url}/health"), process, clock=CLOCK, timeout_s=START_TIMEOUT_S)
        real_engines.record("mlflow of a test", url)
        return MlflowSettings(tracking_uri=url)

    try:
        yield answering
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        shutil.rmtree(home)
