"""The API does what its document says: its examples run as they stand, and Schemathesis finds nothing."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse.migrations.postgres.demo import seed_demo
from serving.kit.access import API_KEY_HEADER, USER_SCOPES, Scope
from tests.factories import databases
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import api_user
from tests.factories.redis_server import redis_server
from tests.integration.serving.conftest import Engines, Served

pytestmark = pytest.mark.integration

ROLES = {"user": USER_SCOPES, "admin": frozenset(Scope)}
EXAMPLES = 2  # of each operation and phase
SEED = "20221228"
REQUEST_S = "180"  # a batch of 500 refused rows, while other tests have the cores
# Left to itself the tool registers a user of its own and logs out as that one, or makes tokens up: either way it would
# see refusals only. Its checks of missing and wrong proofs are others.
PROVEN_ONLY = """
[auth]
auto-signup = false
[generation]
with-security-parameters = false
"""
# What an administrator may do beyond a user, as access_matrix.toml says; the one operation that takes no key beside it.
ADMINS_KINDS = frozenset({"admin", "market"})
REFRESH = "refresh"
ONLY_COOKIE = "401 Unauthorized (1 operation):\n  - POST /api/v1/auth/refresh\n"  # it takes no key, but the cookie
PATIENCE_S = 30.0
PROBE_TIMEOUT_S = 2.0  # readiness is asked for often, of engines that are away
UNLIMITED = 10_000_000
# Their engines, S3, Airflow and MLflow, are not up here: 503 is the right answer, and none that the tool accepts.
ENGINES_AWAY = (
    "/api/v1/analytics/delta-info",
    "/api/v1/admin/scheduler/status",
    "/api/v1/models",
    "/api/v1/forecast/model",
)
# Marts that are empty here: test_risk_detail.py and test_risk_stress.py fill and read them.
MARTS_AWAY = tuple(
    f"/api/v1/portfolios/{{portfolio_id}}/risk/{name}" for name in ("components", "backtest", "stress", "pnl-explain")
)
TIMEOUT_S = 2700
LONG_TIMEOUT_S = 7200


@pytest.fixture
def priced(served: Served) -> None:
    """The examples ask for the price of AAPL."""
    price = {"symbol": "AAPL", "price": "125.67", "currency": "USD", "provider": "examples"}
    answer = served.api.client.post("/api/v1/market-data", json={**price, "as_of": "2022-12-28T20:59:59Z"})
    assert answer.status_code in {201, 409}, answer.text


@pytest.mark.usefixtures("priced")
def test_every_example_runs_as_it_stands(served: Served) -> None:
    document = served.api.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        if "get" not in operations or path in (*ENGINES_AWAY, *MARTS_AWAY):
            continue
        examples = {
            (parameter["in"], parameter["name"]): parameter["schema"]["examples"][0]
            for parameter in operations["get"].get("parameters", [])
            if "examples" in parameter["schema"]
        }
        needed = {
            (parameter["in"], parameter["name"])
            for parameter in operations["get"].get("parameters", [])
            if parameter.get("required")
        }
        if needed - examples.keys():
            continue  # ids that only its owner knows; the end-to-end test makes its own
        filled = path.format(**{name: value for (place, name), value in examples.items() if place == "path"})
        query = {name: value for (place, name), value in examples.items() if place == "query"}
        answer = served.api.client.get(filled, params=query)
        assert answer.status_code == 200, (filled, query, answer.text)
        if path.endswith(("risk", "portfolios", "risk-metrics")):
            assert query
            assert answer.json().get("data", answer.json().get("metrics"))


@dataclass(frozen=True, slots=True)
class Run:
    """The tool at work on an API of its own, as a user of a role."""

    process: "subprocess.Popen[bytes]"
    output: Path
    api: ApiProcess
    key: str


@pytest.fixture(scope="module")
def runs(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Run]]:
    """A run for each role, both at once and each in one thread: Python 3.11 cannot parse in two (gh-106905).

    An ordinary run lets the administrator do what users may not; a long one lets both do everything.
    """
    fuzz = int(request.config.getoption("--fuzz"))
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(_run(engines, role, scopes, tmp_path_factory.mktemp(role), fuzz))
            for role, scopes in ROLES.items()
        }


@contextmanager
def _run(engines: Engines, role: str, scopes: frozenset[Scope], folder: Path, fuzz: int) -> Iterator[Run]:
    """Nothing is shared with the other role: the tool changes whatever it is allowed to change."""
    # A key, not a token: the tool finds out how to end its own session, and would go on without one.
    asked = {"name": "schemathesis", "scopes": sorted(scopes)}
    (folder / "schemathesis.toml").write_text(PROVEN_ONLY)
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        fresh = databases.fresh(engines.settings)
        serving = fresh.serving.model_copy(
            update={"rate_per_minute": UNLIMITED, "anonymous_rate_per_minute": UNLIMITED}
        )
        settings = fresh.model_copy(update={"redis": redis, "serving": serving})
        seed_demo(settings)
        api = stack.enter_context(api_process(settings, query_timeout_s=PATIENCE_S, probe_timeout_s=PROBE_TIMEOUT_S))
        with api_user(settings, role=role).client(api.url) as client:
            key = client.post("/api/v1/auth/api-keys", json=asked).json()["key"]
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json", "--no-color"),
            *("--max-examples", str(fuzz or EXAMPLES), *(("--checks", "all") if fuzz else ())),
            *("--request-timeout", REQUEST_S, "--seed", SEED, "--workers", "1", "--header", f"{API_KEY_HEADER}: {key}"),
            *(word for path in ENGINES_AWAY for word in ("--exclude-path", path)),
            *(() if fuzz or role != "admin" else ("--include-operation-id-regex", f"^({'|'.join(_of_admins())})$")),
        ]
        output = folder / "output.txt"
        with output.open("wb") as written:
            process = subprocess.Popen(command, cwd=folder, stdout=written, stderr=written)
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield Run(process, output, api, key)


def _of_admins() -> list[str]:
    table = tomllib.loads(Path(__file__).with_name("access_matrix.toml").read_text())["operations"]
    return [REFRESH, *(name for name, kind in table.items() if kind in ADMINS_KINDS)]


@pytest.mark.timeout(LONG_TIMEOUT_S + 60)
@pytest.mark.parametrize("role", ROLES)
def test_the_document_is_kept(runs: dict[str, Run], role: str, request: pytest.FixtureRequest) -> None:
    run = runs[role]
    status = run.process.wait(LONG_TIMEOUT_S if request.config.getoption("--fuzz") else TIMEOUT_S)
    found = run.output.read_text()
    sys.stdout.write(found)
    assert status == 0, found[-12000:]
    assert ONLY_COOKIE in found, "operations were refused, not tried"
    kept = run.api.client.get("/api/v1/watchlists", headers={API_KEY_HEADER: run.key})
    assert kept.status_code == 200, "it was locked out on the way, so most of what it saw were refusals"
