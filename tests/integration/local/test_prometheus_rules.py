"""The alert rules, read and evaluated by the Prometheus that the stack runs."""

import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from lakehouse.clock import SystemClock
from lakehouse.local.install import debian
from lakehouse.local.install.cache import Cache
from lakehouse.settings import StackSettings, cache_dir, project_root
from tests.factories.ports import free_port

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
RULES = project_root() / "deploy" / "prometheus" / "rules.yml"


def test_prometheus_evaluates_every_rule_without_an_error(tmp_path: Path) -> None:
    cache = Cache(cache_dir(StackSettings()))
    try:
        debian.fetch(cache, tmp_path / "fetch.log")
    except debian.DebianUnavailableError as error:
        pytest.skip(f"no Prometheus on this machine: {error}")
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": {"evaluation_interval": "1s"}, "rule_files": [str(RULES)]}))
    port = free_port()
    words = (f"--config.file={config}", f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen((str(debian.prometheus(cache)), *words), stdout=log, stderr=log)
    try:
        found = _evaluated(f"http://127.0.0.1:{port}/api/v1/rules", process, tmp_path / "log")
    finally:
        process.terminate()
        process.wait(120)
    wanted = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    assert {rule["name"]: rule["health"] for rule in found} == dict.fromkeys(wanted, "ok")


def _evaluated(url: str, process: "subprocess.Popen[bytes]", log: Path) -> list[dict[str, str]]:
    deadline = CLOCK.monotonic() + 180
    while True:
        assert process.poll() is None, log.read_text()
        assert CLOCK.monotonic() < deadline, "the rules were not evaluated"
        try:
            groups = httpx.get(url, timeout=30.0).json()["data"]["groups"]
        except (httpx.TransportError, ValueError):
            groups = []
        rules = [rule for group in groups for rule in group["rules"]]
        if rules and all(rule["health"] != "unknown" for rule in rules):
            return rules
        CLOCK.sleep(0.2)
