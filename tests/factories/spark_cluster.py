"""A Spark standalone cluster on loopback: a master and workers from the wheel's jars, gone afterwards."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from lakehouse.local.conf_engines import SPARK_OPENS, SPARK_OPTIONS
from lakehouse.local.install import jars
from lakehouse.local.install.tools import java
from lakehouse.settings import inherited_environment
from tests.factories import real_engines
from tests.factories.ports import free_port

START_TIMEOUT_S = 240.0
STOP_TIMEOUT_S = 20.0
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"


@contextmanager
def spark_cluster(workers: int, *, memory: str = "1g") -> Iterator[str]:
    """The master's address; each worker offers one core. Raises TimeoutError where they do not register."""
    port, ui = free_port(), free_port()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidemark-cluster-")))
        names = ("--host", "127.0.0.1", "--webui-port")
        stack.enter_context(_process(home / "master", (MASTER, *names, str(ui), "--port", str(port))))
        _wait(ui, 0, home)
        address = f"spark://127.0.0.1:{port}"
        for number in range(workers):
            offered = ("--cores", "1", "--memory", memory, "--work-dir", str(home / f"work-{number}"))
            words = (WORKER, *names, "0", "--port", str(free_port()), *offered, address)
            stack.enter_context(_process(home / f"worker-{number}", words))
        _wait(ui, workers, home)
        real_engines.record("spark cluster", f"{workers} workers of one core at {address}")
        yield address


@contextmanager
def _process(log: Path, words: tuple[str, ...]) -> Iterator[None]:
    home = jars.pyspark_jars().parent
    opens = tuple(f"--add-opens={package}=ALL-UNNAMED" for package in SPARK_OPENS)
    options = ("-XX:+IgnoreUnrecognizedVMOptions", *opens, *SPARK_OPTIONS, "-Xmx256m")
    environment = {
        **inherited_environment(),
        "SPARK_HOME": str(home),
        "SPARK_SCALA_VERSION": "2.13",  # else a worker looks for a source tree to learn it from
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    argv = (str(java().path), *options, "-cp", f"{jars.pyspark_jars()}/*", *words)
    with log.with_suffix(".log").open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, env=environment, cwd=log.parent)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(ui_port: int, workers: int, home: Path) -> None:
    """Until the master answers and knows that many workers."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            found = httpx.get(f"http://127.0.0.1:{ui_port}/json/", timeout=5).json()
            if found["aliveworkers"] >= workers:
                return
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.2)
    tails = "\n".join(f"{log.name}: {log.read_text(errors='replace')[-500:]}" for log in sorted(home.glob("*.log")))
    raise TimeoutError(f"{workers} Spark workers did not register within {START_TIMEOUT_S:.0f} s:\n{tails}")
