"""The demo's numbers as its user reads them from the API, and the run manifests' counts of rows."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lakehouse.cli.demo.api import Api
from lakehouse.cli.demo.result import PortfolioAnswer, Profile, Proposal, Risk, Trade
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.settings import Settings
from lakehouse.stores import postgres

LAYERS = ("silver", "gold")


def portfolios(api: Api, business_date: str) -> tuple[PortfolioAnswer, ...]:
    """The demo's portfolios, which the token's user owns, with their risk as of the date."""
    listed = api.get("/api/v1/portfolios")["data"]
    ours = {str(portfolio.id) for portfolio in PORTFOLIOS}  # its user may have made others meanwhile
    return tuple(_portfolio(api, found, business_date) for found in listed if found["id"] in ours)


def proposals(api: Api, portfolios: tuple[PortfolioAnswer, ...], business_date: str) -> tuple[Proposal, ...]:
    """The proposals for them of the date; a portfolio that was not due has none."""
    day = {"date_from": business_date, "date_to": business_date}
    return tuple(
        _proposal(portfolio, api.get(f"/api/v1/proposals/{listed['id']}"))
        for portfolio in portfolios
        for listed in api.get("/api/v1/proposals", {"portfolio_id": portfolio.id, **day})["data"]
    )


def rows_of_jobs(settings: Settings, business_date: str) -> Mapping[str, Mapping[str, int]]:
    """Rows that the latest published run of each job wrote, by layer of the output: {job: {layer: rows}}."""
    with postgres.connect(settings.postgres) as connection:
        runs = connection.execute(
            "SELECT DISTINCT ON (job) job, manifest FROM ops.job_run"
            " WHERE business_date = %s AND state = 'published' ORDER BY job, finished_at DESC",
            (business_date,),
        ).fetchall()
    return {job: _layers(manifest) for job, manifest in runs}


def _layers(manifest: Mapping[str, Any]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for table, output in manifest["outputs"].items():
        layer = table.split(".", 1)[0]
        if layer in LAYERS:
            rows[layer] = rows.get(layer, 0) + output["row_count"]
    return rows


def _portfolio(api: Api, found: Mapping[str, Any], business_date: str) -> PortfolioAnswer:
    metrics = api.get(f"/api/v1/portfolios/{found['id']}/risk", {"as_of": business_date})["metrics"]
    return PortfolioAnswer(
        id=found["id"],
        name=found["name"],
        currency=metrics[0]["value"]["currency"],
        value=_amount(metrics[0]["value"]),
        risks=tuple(_risk(metric) for metric in metrics if metric["horizon_days"] == 1),
    )


def _risk(metric: Mapping[str, Any]) -> Risk:
    return Risk(
        method=metric["method"],
        confidence=Decimal(metric["confidence"]),
        var=_amount(metric["value_at_risk"]),
        es=_amount(metric["expected_shortfall"]),
        breaches=metric["breaches"],
        backtest_days=metric["backtest_days"],
    )


def _proposal(portfolio: PortfolioAnswer, found: Mapping[str, Any]) -> Proposal:
    return Proposal(
        portfolio=portfolio.name,
        currency=found["value"]["currency"],
        status=found["status"],
        reasons=tuple(found["reasons"]),
        objective=found["objective"],
        regime=found["regime"],
        regime_source=found["regime_source"],
        value=_amount(found["value"]),
        cash_before=_amount(found["cash_before"]),
        cash_after=_amount(found["cash_after"]),
        cost=_amount(found["cost"]),
        turnover=Decimal(found["turnover"]),
        drift_before=Decimal(found["drift_before"]),
        drift_after=Decimal(found["drift_after"]),
        before=_profile(found["risk_before"]),
        after=_profile(found["risk_after"]),
        trades=tuple(_trade(trade) for trade in found["trades"]),
    )


def _profile(found: Mapping[str, str]) -> Profile:
    return Profile(Decimal(found["volatility"]), Decimal(found["var_99"]))


def _trade(found: Mapping[str, Any]) -> Trade:
    return Trade(
        side=found["side"],
        symbol=found["symbol"],
        quantity=Decimal(found["quantity"]),
        price=Decimal(found["reference_price"]),
        notional=_amount(found["notional"]),
        cost=_amount(found["cost"]),
    )


def _amount(money: Mapping[str, str]) -> Decimal:
    return Decimal(money["amount"])
