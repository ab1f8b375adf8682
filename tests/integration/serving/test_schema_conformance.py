"""Schemathesis with its own defaults finds nothing: the API does what its document says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

EXAMPLES = "10"
SEED = "20221228"
TIMEOUT_S = 120


def test_the_document_is_kept(served: Served, tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("schemathesis"))
    options = ("--max-examples", EXAMPLES, "--seed", SEED, "--no-color")
    found = subprocess.run(
        [program, "run", f"{served.api.url}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
