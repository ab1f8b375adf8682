"""What the API says about itself: problems everywhere, examples that fit, pages that need no internet."""

import json
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, ValidationError

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


def test_operations_have_names_that_suit_a_client(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z_0-9]*", name) and len(name) < 60 for name in names), names


def test_forms_have_names_that_suit_a_client(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert not [name for name in schemas if "__" in name or name.endswith("_")]
    titles = [schema["title"] for schema in schemas.values() if "title" in schema]
    assert len(set(titles)) == len(titles), sorted(title for title in titles if titles.count(title) > 1)


def test_every_reference_and_link_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    names = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    told = json.dumps(document)
    assert {found.rsplit("/", 1)[-1] for found in re.findall(r'"#/components/schemas/[^"]+"', told)} == {
        f'{name}"' for name in schemas
    }
    links = [
        link["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) > 50
    assert set(links) <= names


def test_where_there_is_a_body_its_type_may_be_wrong(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert ("requestBody" in operation) <= ("415" in operation["responses"]), (method, path)
            if method == "patch":
                assert "application/merge-patch+json" in operation["requestBody"]["content"], path


def test_values_of_enumerations_have_names(document: dict[str, Any]) -> None:
    found = re.findall(r'"enum": (\[[^]]*\])[^}]*?"x-enum-varnames": (\[[^]]*\])', json.dumps(document))
    assert found
    for values, names in found:
        assert len(set(json.loads(names))) == len(json.loads(values)), values


# Measures without a currency: derivatives, years, yields, statistics. What is worth something is money and text.
INEXACT = {
    "GreeksOut",
    "OptionValuation",
    "BondValuation",
    "BacktestVerdict",
    "RiskComponent",
    "StressScenario",
    "ForecastByModel",
    "OfValues",
    "InputOut",
    "SignalOutcomeOut",
}


def test_money_and_quantities_are_never_json_numbers(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["MoneyOut"]["properties"]["amount"]["type"] == "string"
    inexact = {
        name
        for title, schema in schemas.items()
        if title not in INEXACT
        for name, form in schema.get("properties", {}).items()
        if '"type": "number"' in json.dumps(form)
    }
    # Scores, durations and shares; `sample` shows rows of any table as they are.
    assert {name for name in inexact if not name.endswith(("_score", "_s", "_ms"))} <= {"progress", "sample"}


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


def test_a_member_of_a_body_that_is_never_null_by_the_schema_is_refused_as_null(document: dict[str, Any]) -> None:
    """The pages of the API say null, or not: a body with a null that they do not allow must not get through."""
    forms = _forms()
    schemas, tried = document["components"]["schemas"], 0
    for name in _forms_of_bodies(document):
        if name not in forms and name.endswith("Batch"):
            continue  # made for its room when the API starts: it has no member but its items
        form = forms[name]
        for member, schema in schemas[name].get("properties", {}).items():
            if "null" in json.dumps({key: schema[key] for key in ("anyOf", "type") if key in schema}):
                continue
            tried += 1
            with pytest.raises(ValidationError) as refused:
                form.model_validate({member: None})
            assert any(member in error["loc"] or member in error["msg"] for error in refused.value.errors()), (
                name,
                member,
            )
    assert tried > 300


def _forms() -> dict[str, type[BaseModel]]:
    """Every form of the API by its published name: two of one name carry that of their room before it."""
    found = [form for form in _subclasses(BaseModel) if form.__module__.startswith("serving.")]
    with_room = {form.__module__.split(".")[1].title() + form.__name__: form for form in found}
    return with_room | {str(form.model_config.get("title") or form.__name__): form for form in found}


def _subclasses(form: type[BaseModel]) -> set[type[BaseModel]]:
    return {found for each in form.__subclasses__() for found in (each, *_subclasses(each))}


def _forms_of_bodies(document: dict[str, Any]) -> set[str]:
    """Names of the forms that requests carry, and of those within them."""
    schemas = document["components"]["schemas"]
    bodies = [
        operation["requestBody"]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    found: set[str] = set()
    new = _referred(bodies)
    while new - found:
        found |= new
        new = {name for known in found for name in _referred(schemas[known])}
    return {name for name in found if schemas[name].get("type") == "object"}


def _referred(part: object) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))
