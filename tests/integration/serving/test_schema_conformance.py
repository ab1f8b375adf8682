"""The API does what its document says: its examples run as they stand, and Schemathesis finds nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.kit.access import API_KEY_HEADER, Scope
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

EXAMPLES = "10"
SEED = "20221228"
# Their engines, S3 and Airflow, are not up here: 503 is the right answer, and none that the tool accepts.
ENGINES_AWAY = ("/api/v1/analytics/delta-info", "/api/v1/admin/scheduler/status")
TIMEOUT_S = 120


def test_every_example_runs_as_it_stands(served: Served) -> None:
    document = served.api.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        examples = {
            (parameter["in"], parameter["name"]): parameter["schema"]["examples"][0]
            for parameter in operations["get"].get("parameters", [])
            if "examples" in parameter["schema"]
        }
        if any(f"{{{name}}}" in path and ("path", name) not in examples for name in re.findall(r"{(\w+)}", path)):
            continue  # ids that only its owner knows; the end-to-end test makes its own
        filled = path.format(**{name: value for (place, name), value in examples.items() if place == "path"})
        query = {name: value for (place, name), value in examples.items() if place == "query"}
        answer = served.api.client.get(filled, params=query)
        assert answer.status_code == 200, (filled, query, answer.text)
        if path.endswith(("risk", "portfolios", "risk-metrics")):
            assert query
            assert answer.json().get("data", answer.json().get("metrics"))


def test_the_document_is_kept(served: Served, tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("schemathesis"))
    # A key, not a token: the tool finds out how to end its own session, and would go on without one.
    asked = {"name": "schemathesis", "scopes": sorted(Scope)}
    key = served.api.client.post("/api/v1/auth/api-keys", json=asked).json()["key"]
    as_admin = ("--header", f"{API_KEY_HEADER}: {key}")
    left_out = [word for path in ENGINES_AWAY for word in ("--exclude-path", path)]
    options = (*left_out, "--max-examples", EXAMPLES, "--seed", SEED, "--no-color", *as_admin)
    found = subprocess.run(
        [program, "run", f"{served.api.url}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
