"""What the API says about itself: problems everywhere, examples that fit, pages that need no internet."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from serving import api
from serving.app import create_app


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings(), clock=SystemClock())


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    """Without the lifespan: these pages need no engine."""
    return TestClient(app, base_url="http://127.0.0.1")


def test_every_refusal_is_declared_as_a_problem(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            refusals = {status: found for status, found in operation["responses"].items() if status[0] in "45"}
            assert {"400", "404", "405", "413", "421", "422", "500"} <= set(refusals), path
            for status, found in refusals.items():
                assert list(found["content"]) == ["application/problem+json"], (path, status)


def test_every_operation_and_parameter_is_described(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            assert all(parameter["description"] for parameter in operation.get("parameters", []))


def test_money_is_never_a_json_number(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["MoneyOut"]["properties"]["amount"]["type"] == "string"
    assert schemas["PositionOut"]["properties"]["quantity"]["type"] == "string"
    assert "number" not in {form.get("type") for form in schemas["RiskMetric"]["properties"].values()}


def test_the_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/docs/start.js", "/docs/problems"):
        page = client.get(path)
        assert page.status_code == 200
        assert not re.search(r"(?:https?:)?//[a-z0-9]", page.text), path
    assert "<script>" not in client.get("/docs").text


def test_every_file_that_the_page_names_is_served(client: TestClient) -> None:
    named = re.findall(r'(?:src|href)="([^"]+)"', client.get("/docs").text)
    assert len(named) == 4
    sizes = {name: len(client.get(name).content) for name in named}
    assert min(sizes.values()) > 100
    assert sizes["/docs/assets/swagger-ui-bundle.js"] > 1_000_000
    assert client.get("/docs/assets/redoc.standalone.js").status_code == 422


def test_the_catalogue_has_every_code_once(client: TestClient) -> None:
    page = client.get("/docs/problems").text
    codes = [kind.code for kind in api.REFUSALS]
    assert len(set(codes)) == len(codes)
    assert all(page.count(f'id="{code}"') == 1 for code in codes)


def test_live_asks_no_engine(client: TestClient) -> None:
    assert client.get("/health/live").json()["status"] == "live"
