"""The demo's flow on a small slice, as a user runs it, and once more: the same answer."""

import ipaddress
import json
import re
import signal
import subprocess
import sys
from decimal import Decimal
from socket import SOCK_DGRAM

import psutil
import pytest

from lakehouse.local import ending, envfile, supervisor
from lakehouse.local.home import Home
from lakehouse.risk.analysis import Measure
from lakehouse.risk.methods import BATCH_METHODS
from lakehouse.settings import Settings, inherited_environment, project_root

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(1200)]

# A shell in the background starts everything with interrupts ignored, and so may whoever runs these tests.
HEEDING_INTERRUPTS = ("env", "--default-signal=INT")
METHODS = ("historical", "parametric normal", "cornish fisher", "monte carlo normal")
MEMORY_BYTES = 6_000_000_000  # what the product promises to stay below


def _demo(stack: Settings) -> str:
    argv = [sys.executable, "-m", "lakehouse.cli.main", "demo", "--days", "1", "--ticks", "50"]
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home), "NO_COLOR": "1"}
    done = subprocess.run(argv, env=environment, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _shell(stack: Settings, script: str) -> str:
    """What a user sees who pastes the script into a shell in the checkout."""
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home), "NO_COLOR": "1"}
    argv = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(argv, env=environment, cwd=project_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
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


def test_the_printed_curl_line_works(stack: Settings, output: str) -> None:
    line = next(line.strip() for line in output.splitlines() if line.strip().startswith("curl "))
    metrics = json.loads(_shell(stack, line))["metrics"]
    assert {metric["method"] for metric in metrics} == set(BATCH_METHODS)
    assert {metric["confidence"] for metric in metrics} == {"0.95", "0.975", "0.99"}
    assert {metric["horizon_days"] for metric in metrics} == {1, 10}


def test_the_readmes_tour_of_the_books_runs_as_printed(stack: Settings, output: str) -> None:
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    tour = readme.split("## Your books, over HTTP", 1)[1].split("```bash\n", 1)[1].split("```", 1)[0]
    told = _shell(stack, tour.replace("http://127.0.0.1:8000", stack.serving.url)).splitlines()
    answers = [json.loads(line) for line in told if line.startswith("{")]
    _, look, booked, holdings, performance, order, reconciliation = answers
    assert (look["booked"], look["dry_run"], booked["booked"], booked["errors"]) == (5, True, 5, 0)
    assert {each["symbol"]: each["quantity"] for each in holdings["data"]} == {"AAPL": "15", "MSFT": "10"}
    assert float(performance["time_weighted"]["total"]) != 0
    assert performance["explanation"]["flows"]
    assert order["status"] == "accepted"
    assert reconciliation["is_clean"] is True


def test_the_readmes_analysis_runs_as_printed(stack: Settings, output: str) -> None:
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    line = next(part for part in readme.split("`") if part.startswith(".venv/bin/tidemark analyze"))
    told = _shell(stack, line)
    assert told.count("MSFT") >= len(Measure)
    assert "analysis_complete MSFT" in told


def test_a_second_demo_gives_the_same_numbers(stack: Settings, output: str) -> None:
    again = _demo(stack)
    assert _risk_lines(again) == _risk_lines(output)


def test_the_whole_stack_fits_into_six_gigabytes(stack: Settings, output: str) -> None:
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home)}
    argv = [sys.executable, "-m", "lakehouse.cli.main", "status", "--json"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert 0 < found["pss_bytes"] < MEMORY_BYTES, {each["name"]: each["pss_bytes"] for each in found["processes"]}


def test_no_process_of_the_whole_stack_listens_beyond_loopback(stack: Settings, output: str) -> None:
    home = Home(stack.home)
    marked = ending.carriers(envfile.read(home.stack_env).stack_id)
    members = {process.pid: process for process in (*marked, *ending.tree(supervisor.warden_pid(home)))}
    found = {(process.name(), address) for process in members.values() for address in _listening(process)}
    assert len({name for name, _ in found}) > 1
    assert [each for each in found if not _is_loopback(each[1])] == []


def test_an_interrupt_after_the_start_leaves_the_stack_running(stack: Settings, output: str) -> None:
    keeper = supervisor.warden_pid(Home(stack.home))
    argv = [*HEEDING_INTERRUPTS, sys.executable, "-m", "lakehouse.cli.main", "demo", "--days", "1", "--ticks", "50"]
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home), "NO_COLOR": "1"}
    with subprocess.Popen(argv, env=environment, cwd=project_root(), stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert any("done demo portfolios in PostgreSQL" in line for line in demo.stderr)
        demo.send_signal(signal.SIGINT)
        told = demo.stderr.read()
    assert demo.returncode == 130, told
    assert "interrupted; the stack keeps running, `make down` stops it" in told
    assert supervisor.warden_pid(Home(stack.home)) == keeper is not None


def _listening(process: psutil.Process) -> set[str]:
    """Addresses of its TCP listeners and of its UDP sockets without a peer; none if it has ended by now."""
    try:
        found = process.net_connections(kind="inet")
    except psutil.NoSuchProcess:
        return set()
    waiting = [each for each in found if each.status == psutil.CONN_LISTEN or each.type == SOCK_DGRAM]
    return {each.laddr.ip for each in waiting if each.laddr and not each.raddr}


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
