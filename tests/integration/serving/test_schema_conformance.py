"""The API does what its document says: its examples run as they stand, and Schemathesis finds nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import Settings
from serving.kit.access import API_KEY_HEADER, USER_SCOPES, Scope
from tests.factories import databases
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import api_user
from tests.factories.redis_server import redis_server
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

EXAMPLES = 5  # of each operation and phase
SEED = "20221228"
REQUEST_S = "60"  # a batch of 500 refused rows, while other tests have the cores
# Left to itself the tool registers a user of its own and logs out as that one, or makes tokens up: either way it would
# see refusals only. Its checks of missing and wrong proofs are others.
PROVEN_ONLY = """
[auth]
auto-signup = false
[generation]
with-security-parameters = false
"""
ONLY_COOKIE = "401 Unauthorized (1 operation):\n  - POST /api/v1/auth/refresh\n"  # it takes no key, but the cookie
PATIENCE_S = 10.0
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
TIMEOUT_S = 900
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


@pytest.fixture(scope="module")
def apart(served: Served) -> Iterator[tuple[ApiProcess, Settings]]:
    """Another API with a database and Redis of its own: the tool changes whatever it is allowed to change."""
    with redis_server() as redis:
        fresh = databases.fresh(served.settings)
        serving = fresh.serving.model_copy(
            update={"rate_per_minute": UNLIMITED, "anonymous_rate_per_minute": UNLIMITED}
        )
        settings = fresh.model_copy(update={"redis": redis, "serving": serving})
        seed_demo(settings)
        with api_process(settings, query_timeout_s=PATIENCE_S) as api:
            yield api, settings


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> int:
    """Examples of each operation that `make fuzz` asks for; 0 in an ordinary run."""
    return int(request.config.getoption("--fuzz"))


@pytest.mark.timeout(LONG_TIMEOUT_S + 60)
@pytest.mark.parametrize(("role", "scopes"), [("user", USER_SCOPES), ("admin", frozenset(Scope))])
def test_the_document_is_kept(
    apart: tuple[ApiProcess, Settings], role: str, scopes: frozenset[Scope], tmp_path: Path, fuzz: int
) -> None:
    api, settings = apart
    # A key, not a token: the tool finds out how to end its own session, and would go on without one.
    asked = {"name": "schemathesis", "scopes": sorted(scopes)}
    with api_user(settings, role=role).client(api.url) as client:
        key = client.post("/api/v1/auth/api-keys", json=asked).json()["key"]
    (tmp_path / "schemathesis.toml").write_text(PROVEN_ONLY)
    found = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json", "--no-color"),
            *("--max-examples", str(fuzz or EXAMPLES), *(("--checks", "all") if fuzz else ())),
            *("--request-timeout", REQUEST_S, "--seed", SEED, "--workers", "2", "--header", f"{API_KEY_HEADER}: {key}"),
            *(word for path in ENGINES_AWAY for word in ("--exclude-path", path)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONG_TIMEOUT_S if fuzz else TIMEOUT_S,
        check=False,
    )
    sys.stdout.write(found.stdout)
    assert found.returncode == 0, found.stdout[-12000:] + found.stderr[-2000:]
    assert ONLY_COOKIE in found.stdout, "operations were refused, not tried"
    kept = api.client.get("/api/v1/watchlists", headers={API_KEY_HEADER: key})
    assert kept.status_code == 200, "it was locked out on the way, so most of what it saw were refusals"
