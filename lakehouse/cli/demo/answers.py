"""The demo's numbers, read back from where users will read them: the API, ClickHouse and the run manifests."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from lakehouse.cli.demo.result import PortfolioAnswer, Risk
from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.errors import TidemarkError
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.settings import Settings
from lakehouse.stores import clickhouse, postgres

TIMEOUT_S = 30.0
LAYERS = ("silver", "gold")


class ApiRefusedError(TidemarkError):
    """The API did not answer with 200."""


def portfolios(api_url: str, token: str, business_date: str) -> tuple[PortfolioAnswer, ...]:
    """The demo's portfolios, which the token's user owns, with their risk as of the date."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api_url, headers=headers, timeout=TIMEOUT_S) as http:
        listed = _get(http, "/api/v1/portfolios")["data"]
        ours = {str(portfolio.id) for portfolio in PORTFOLIOS}  # its user may have made others meanwhile
        return tuple(_portfolio(http, found, business_date) for found in listed if found["id"] in ours)


def rows_of_jobs(settings: Settings, business_date: str) -> Mapping[str, Mapping[str, int]]:
    """Rows that the latest published run of each job wrote, by layer of the output: {job: {layer: rows}}."""
    with postgres.connect(settings.postgres) as connection:
        runs = connection.execute(
            "SELECT DISTINCT ON (job) job, manifest FROM ops.job_run"
            " WHERE business_date = %s AND state = 'published' ORDER BY job, finished_at DESC",
            (business_date,),
        ).fetchall()
    return {job: _layers(manifest) for job, manifest in runs}


def mart_rows(settings: Settings) -> int:
    """Rows that analysts see in ClickHouse, over all marts."""
    client = clickhouse.connect(settings.clickhouse, analyst=True)
    marts = [table.short_name for table in tables_in(Store.CLICKHOUSE) if table.layer == "gold"]
    return sum(
        int(client.query("SELECT count() FROM {mart:Identifier}", parameters={"mart": name}).result_rows[0][0])
        for name in marts
    )


def _layers(manifest: Mapping[str, Any]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for table, output in manifest["outputs"].items():
        layer = table.split(".", 1)[0]
        if layer in LAYERS:
            rows[layer] = rows.get(layer, 0) + output["row_count"]
    return rows


def _portfolio(http: httpx.Client, found: Mapping[str, Any], business_date: str) -> PortfolioAnswer:
    metrics = _get(http, f"/api/v1/portfolios/{found['id']}/risk", {"as_of": business_date})["metrics"]
    return PortfolioAnswer(
        id=found["id"],
        name=found["name"],
        currency=metrics[0]["value"]["currency"],
        value=Decimal(metrics[0]["value"]["amount"]),
        risks=tuple(_risk(metric) for metric in metrics if metric["horizon_days"] == 1),
    )


def _risk(metric: Mapping[str, Any]) -> Risk:
    return Risk(
        method=metric["method"],
        confidence=Decimal(metric["confidence"]),
        var=Decimal(metric["value_at_risk"]["amount"]),
        es=Decimal(metric["expected_shortfall"]["amount"]),
        breaches=metric["breaches"],
        backtest_days=metric["backtest_days"],
    )


def _get(http: httpx.Client, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer = http.get(path, params=dict(params or {}))
    if answer.status_code != httpx.codes.OK:
        raise ApiRefusedError(f"the API answered {answer.status_code} to GET {path}: {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body
