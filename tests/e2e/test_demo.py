"""The demo's flow on a small slice, as a user runs it, and once more: the same answer."""

import json
import re
import shlex
import subprocess
import sys
from decimal import Decimal

import pytest

from lakehouse.settings import Settings, inherited_environment, project_root

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(1200)]

METHODS = ("historical", "parametric normal", "cornish fisher", "monte carlo normal")


def _demo(stack: Settings) -> str:
    argv = [sys.executable, "-m", "lakehouse.cli.main", "demo", "--days", "1", "--ticks", "50"]
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home), "NO_COLOR": "1"}
    done = subprocess.run(argv, env=environment, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _risk_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if " at the close of " in line or line.strip().startswith(METHODS)]


@pytest.fixture(scope="module")
def output(stack: Settings) -> str:
    return _demo(stack)


def test_it_prints_every_portfolio_by_every_method(output: str) -> None:
    lines = _risk_lines(output)
    assert len(lines) == 3 * (1 + len(METHODS))
    for line in lines:
        assert re.search(r"\d", line)
    amounts = [Decimal(amount.replace(",", "")) for amount in re.findall(r"[\d,]+\.\d\d", "\n".join(lines))]
    assert len(amounts) == 3 * (1 + len(METHODS) * 4)
    assert all(amount > 0 for amount in amounts), "no risk is zero"


def test_rows_in_are_landed_or_quarantined(output: str) -> None:
    told = re.search(r"([\d,]+) produced, ([\d,]+) landed, ([\d,]+) quarantined", " ".join(output.split()))
    assert told is not None
    produced, landed, quarantined = (int(number.replace(",", "")) for number in told.groups())
    assert produced > 166_000
    assert produced == landed + quarantined


def test_the_printed_curl_line_works(output: str) -> None:
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith("curl "))
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["metrics"]) == 2 * len(METHODS)


def test_a_second_demo_gives_the_same_numbers(stack: Settings, output: str) -> None:
    again = _demo(stack)
    assert _risk_lines(again) == _risk_lines(output)
