"""The demo's flow on a small slice, as a user runs it, and once more: the same answer."""

import ipaddress
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from socket import SOCK_DGRAM
from typing import Any

import httpx
import psutil
import pytest

from lakehouse.cli import login
from lakehouse.local import ending, envfile, supervisor
from lakehouse.local.home import Home
from lakehouse.risk.analysis import Measure
from lakehouse.risk.methods import BATCH_METHODS
from lakehouse.settings import Settings, inherited_environment, load, project_root
from tests.factories.own_stack import empty_home, record

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(2400)]

# A shell in the background starts everything with interrupts ignored, and so may whoever runs these tests.
HEEDING_INTERRUPTS = ("env", "--default-signal=INT")
METHODS = tuple(method.replace("_", " ") for method in BATCH_METHODS)
AMOUNT = r"-?[\d,]+\.\d\d"
# The idle stack is to stay below 6 GB. This is asked right after two demos: Spark still has their heap, the API models.
MEMORY_BYTES = 6_700_000_000


def _demo(home: Path) -> str:
    argv = [sys.executable, "-m", "lakehouse.cli.main", "demo", "--days", "1", "--ticks", "50"]
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(home), "NO_COLOR": "1"}
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


def _tour(stack: Settings, section: str) -> str:
    """The commands of a section of the README, for this stack's port."""
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    tour = readme.split(section, 1)[1].split("```bash\n", 1)[1].split("```", 1)[0]
    return tour.replace("http://127.0.0.1:8000", stack.serving.url)


def _risk_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if " at the close of " in line or line.strip().startswith(METHODS)]


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _amounts(line: str) -> list[Decimal]:
    """The amounts of a line, each with its cents."""
    return [_decimal(amount) for amount in re.findall(AMOUNT, line)]


def _ask(stack: Settings, path: str) -> dict[str, Any]:
    """What the API answers the demo's user."""
    token = login.token_of(stack, login.DEMO_EMAIL)
    answer = httpx.get(f"{stack.serving.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=120.0)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An empty one, as on a new user's machine: the first demo fills it and settles the ports."""
    with empty_home() as home:
        yield home


@pytest.fixture(scope="module")
def output(home: Path) -> str:
    return _demo(home)


@pytest.fixture(scope="module")
def stack(output: str) -> Settings:
    """The settings of what the first demo has started."""
    record(None, "started by the demo")
    return load()


def test_it_prints_every_portfolio_by_every_method(output: str) -> None:
    lines = _risk_lines(output)
    assert len(lines) == 3 * (1 + len(METHODS))
    for line in lines:
        is_title = " at the close of " in line
        amounts = _amounts(line)[: 1 if is_title else 4]
        assert len(amounts) == (1 if is_title else 4), line
        assert all(amount > 0 for amount in amounts), "no risk is zero"
        assert is_title or re.search(r"\d+ of 250 d +(green|yellow|red) +[+-][\d,]+\.\d\d", line), line


def test_what_risk_comes_from_sums_to_it_to_the_cent(output: str) -> None:
    historical = [_amounts(line) for line in _risk_lines(output) if line.strip().startswith("historical ")]
    blocks = re.findall(r"what its historical VaR.+?in all[^\n]+", output, flags=re.DOTALL)
    assert len(historical) == len(blocks) == 3
    for (_, _, var, es, *_), block in zip(historical, blocks, strict=True):
        *parts, total = [row for line in block.splitlines() if len(row := _amounts(line)) == 3]
        assert total[1:] == [var, es]
        assert [sum(column) for column in zip(*parts, strict=True)] == total


def test_stress_is_printed_and_the_parts_of_the_day_sum_to_its_gain(output: str) -> None:
    tables = re.findall(r"what stress would do.+?Gain since [^\n]+", output, flags=re.DOTALL)
    assert len(tables) == 3
    for table in tables:
        # The lake begins in 1990: no crisis before that is a loss of zero.
        assert re.search(r"Black Monday is unmeasured: no closes of", table)
        assert re.search(rf"Outbreak of Covid-19 +[+-]{AMOUNT[2:]}", table)
        assert "daily deviations away" in table
        day = re.search(rf"Gain since [\d-]+: ([+-]{AMOUNT[2:]}) \([\d.-]+ %\), of (.+)", table)
        assert day is not None
        parts = [_decimal(amount) for amount in re.findall(rf"[+-]{AMOUNT[2:]}", day[2])]
        assert sum(parts) == _decimal(day[1]) != 0


def test_proposals_are_printed_in_whole_units_with_cash_left_and_as_the_api_has_them(
    stack: Settings, output: str
) -> None:
    told = re.findall(rf"turnover [\d.]+ %, cost ({AMOUNT}) USD, cash ({AMOUNT}) -> ({AMOUNT})", output)
    assert len(told) == 3
    tables = re.findall(r"Proposal for (?:Global|Health|Long).+?\n +\d+ trades [^\n]+", output, flags=re.DOTALL)
    for (cost, before, after), table in zip(told, tables, strict=True):
        *trades, total = [row[-2:] for line in table.splitlines()[3:] if len(row := _amounts(line)) >= 2]
        assert [sum(column) for column in zip(*trades, strict=True)] == total
        assert total[1] == _decimal(cost)
        assert _decimal(after) >= _decimal(before) == 0
    for found in _ask(stack, "/api/v1/proposals?status=proposed")["data"]:
        proposal = _ask(stack, f"/api/v1/proposals/{found['id']}")
        signs = {"buy": -1, "sell": 1}
        moved = sum(signs[each["side"]] * Decimal(each["notional"]["amount"]) for each in proposal["trades"])
        costs = sum(Decimal(each["cost"]["amount"]) for each in proposal["trades"])
        cash = Decimal(proposal["cash_before"]["amount"]) + moved - costs
        assert cash == Decimal(proposal["cash_after"]["amount"]) >= 0
        assert all(Decimal(each["quantity"]) % 1 == 0 for each in proposal["trades"])


def test_strategies_are_in_clickhouse_and_the_printed_report_is_in_mlflow(stack: Settings, output: str) -> None:
    rows = _shell(stack, ".venv/bin/tidemark sql --format json 'SELECT strategy, kind, sharpe FROM strategies_latest'")
    found = [json.loads(line) for line in rows.splitlines()]
    assert len(found) == 2 * len({row["strategy"] for row in found}) > 0
    for row in (row for row in found if row["kind"] == "walk_forward"):
        assert re.search(rf"{row['strategy'].replace('_', ' ')} .+ {row['sharpe']:.2f} ", output)
    run_id = re.search(r"Report with .+/runs/([0-9a-f]+)/artifacts", output)
    assert run_id is not None
    for name, begins in (("report.png", b"\x89PNG"), ("report.html", b"<!")):
        asked = {"path": name, "run_uuid": run_id[1]}
        report = httpx.get(f"{stack.mlflow.tracking_uri}/get-artifact", params=asked, timeout=120.0)
        assert report.status_code == 200
        assert report.content.lstrip().startswith(begins)


def test_each_model_is_promoted_as_its_gate_said(stack: Settings, output: str) -> None:
    told = re.findall(r"Model ([a-z ]+), version (\d+): (not )?promoted[^;]*; its gate (accepted|refused) it", output)
    assert told
    listed = _shell(stack, ".venv/bin/tidemark model list")
    for name, version, refused, gate in told:
        assert (gate == "accepted") is (not refused)
        champion = next(words[1] for words in map(str.split, listed.splitlines()) if words[0] == name.replace(" ", "_"))
        assert (champion == version) is (not refused)


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


def test_the_readmes_tour_of_risk_trades_and_models_runs_as_printed(
    stack: Settings, output: str, tmp_path: Path
) -> None:
    told = _shell(stack, _tour(stack, "## Risk, trades, strategies, models").replace("build/momentum", str(tmp_path)))
    risk, parts, backtest, stress, day, policy, proposals, *_ = [
        json.loads(line) for line in told.splitlines() if line.startswith("{")
    ]
    assert {each["method"] for each in risk["metrics"]} == set(BATCH_METHODS)
    assert parts["portfolio_id"] == backtest["portfolio_id"] == policy["portfolio_id"]
    measured = {each["scenario"] for each in stress["scenarios"] if each["reason"] is None}
    assert {"dot_com_2000", "covid_2020", "all_down_20", "sectors_as_oil_glut", "market_down_20", "lose_10"} <= measured
    assert "black_monday_1987" not in measured
    assert day["previous_date"] == "2022-12-27"
    assert [each["status"] for each in proposals["data"]] == ["proposed"]
    assert {path.suffix for path in tmp_path.iterdir()} >= {".html", ".png"}
    assert "return_forecast" in told


def test_the_readmes_tour_of_the_books_runs_as_printed(stack: Settings, output: str) -> None:
    told = _shell(stack, _tour(stack, "## Your books, over HTTP")).splitlines()
    answers = [json.loads(line) for line in told if line.startswith("{")]
    _, look, booked, holdings, performance, order, reconciliation = answers
    assert (look["booked"], look["dry_run"], booked["booked"], booked["errors"]) == (5, True, 5, 0)
    assert {each["symbol"]: each["quantity"] for each in holdings["data"]} == {"AAPL": "15", "MSFT": "10"}
    assert float(performance["time_weighted"]["total"]) != 0
    assert performance["explanation"]["flows"]
    assert order["status"] == "accepted"
    assert reconciliation["is_clean"] is True


def test_what_happened_live_is_printed(output: str) -> None:
    assert re.search(r"stop-loss: AAPL at [\d.]+ has reached the stop-loss of [\d.]+", output)
    assert re.search(r"by the tick market\.ticks\[\d+\]@\d+, written \d+ ms after", output)
    legs = re.search(
        r"bracket: 10 MSFT bought at [\d.]+, sold at [\d.]+: take profit (\w+) and stop loss (\w+)", output
    )
    assert legs is not None
    assert set(legs.groups()) == {"filled", "canceled"}


def test_the_readmes_live_story_runs_as_printed(stack: Settings, output: str) -> None:
    told = _shell(stack, _tour(stack, "## Live: a stop-loss, a bracket")).splitlines()
    answers = [json.loads(line) for line in told if line.startswith("{")]
    _, alerts, order, reconciliation = answers
    (alert,) = alerts["data"]
    assert (alert["symbol"], alert["source"], alert["tick_topic"]) == ("AAPL", "hot", "market.ticks")
    assert order["status"] == "filled"
    assert {leg["status"] for leg in order["legs"]} == {"filled", "canceled"}
    assert reconciliation["is_clean"] is True


def test_the_readmes_analysis_runs_as_printed(stack: Settings, output: str) -> None:
    readme = (project_root() / "README.md").read_text(encoding="utf-8")
    line = next(part for part in readme.split("`") if part.startswith(".venv/bin/tidemark analyze"))
    told = _shell(stack, line)
    assert told.count("MSFT") >= len(Measure)
    assert "analysis_complete MSFT" in told


def test_a_second_demo_gives_the_same_numbers(stack: Settings, output: str) -> None:
    again = _demo(stack.home)
    assert _risk_lines(again) == _risk_lines(output)
    kept = ("risk_daily of 2022-12-27", "backtests_weekly", "models_weekly")
    assert all(f"Airflow {name}, earlier" in again for name in kept)


def test_the_whole_stack_is_not_much_larger_after_the_demo(stack: Settings, output: str) -> None:
    environment = {**inherited_environment(), "TIDEMARK_HOME": str(stack.home)}
    argv = [sys.executable, "-m", "lakehouse.cli.main", "status", "--json"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    held = {each["name"]: each["pss_bytes"] for each in found["processes"]}
    assert 0 < found["pss_bytes"] < MEMORY_BYTES, json.dumps(held)


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
