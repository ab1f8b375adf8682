"""The demo's numbers as analysts read them: from the views in ClickHouse, as the read-only user."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from lakehouse.cli.demo.result import (
    ANALYSED,
    TAIL,
    Contributor,
    ExplainedDay,
    PortfolioAnswer,
    RiskDetail,
    Scenario,
    StrategyResult,
    Stress,
)
from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.contracts.tables.stress import PARTS
from lakehouse.settings import Settings
from lakehouse.stores import clickhouse

WORST_DAYS = 3

ZONES = """
    SELECT method, zone FROM var_backtest_zones
    WHERE portfolio_id = {portfolio:UUID} AND confidence = {confidence:Decimal(6, 5)}
      AND business_date = {day:Date32}
"""
CHANGES = """
    SELECT method, var_change_base, previous_date FROM risk_change
    WHERE portfolio_id = {portfolio:UUID} AND confidence = {confidence:Decimal(6, 5)} AND horizon_days = 1
      AND business_date = {day:Date32}
"""
CONTRIBUTORS = """
    SELECT group_name, exposure_base, component_var_base, component_es_base FROM component_risk_latest
    WHERE portfolio_id = {portfolio:UUID} AND confidence = {confidence:Decimal(6, 5)} AND horizon_days = 1
      AND method = {method:String} AND grouping = 'instrument' AND business_date = {day:Date32}
    ORDER BY component_var_base DESC, group_name
"""
WORST = """
    SELECT scenario_date, pnl_base FROM worst_scenarios_latest
    WHERE portfolio_id = {portfolio:UUID} AND factor_set = 'historical' AND horizon_days = 1
      AND business_date = {day:Date32} AND scenario_date IS NOT NULL
    ORDER BY place LIMIT {days:UInt32}
"""
STRESS = """
    SELECT kind, title, pnl_base, pnl_share, worst_base, distance, reason FROM stress_latest
    WHERE portfolio_id = {portfolio:UUID} AND business_date = {day:Date32}
    ORDER BY kind, pnl_base ASC NULLS LAST, scenario
"""
EXPLAINED = """
    SELECT previous_date, total_base, gain_share, price_base, fx_base, new_trades_base, income_base, fees_base,
           rounding_base, unexplained_base, reason
    FROM pnl_explain_daily WHERE portfolio_id = {portfolio:UUID} AND business_date = {day:Date32}
"""
STRATEGIES = """
    SELECT strategy, kind, first_date, last_date, annual_return, sharpe, deflated_sharpe, max_drawdown, trials,
           survivorship
    FROM strategies_latest
    WHERE business_date = {day:Date32} ORDER BY strategy, kind
"""


def with_detail(
    settings: Settings, portfolios: tuple[PortfolioAnswer, ...], business_date: str
) -> tuple[PortfolioAnswer, ...]:
    """The portfolios with all that analysts see of them; a part that is not published is empty."""
    client = clickhouse.connect(settings.clickhouse, analyst=True)
    return tuple(replace(each, detail=_detail(client, each.id, business_date)) for each in portfolios)


def strategies(settings: Settings, business_date: str, reports: Mapping[str, str]) -> tuple[StrategyResult, ...]:
    """Every strategy's walk-forward, the most credible first, with the address of its report where one is known."""
    client = clickhouse.connect(settings.clickhouse, analyst=True)
    rows = _rows(client, STRATEGIES, {"day": business_date})
    best = {row["strategy"]: row for row in rows if row["kind"] == "trial"}
    found = [_strategy(row, best, reports) for row in rows if row["kind"] == "walk_forward"]
    return tuple(sorted(found, key=lambda each: (-each.deflated_sharpe, each.strategy)))


def rows(settings: Settings) -> int:
    """Rows that analysts may see in ClickHouse, over all marts."""
    client = clickhouse.connect(settings.clickhouse, analyst=True)
    marts = [table.short_name for table in tables_in(Store.CLICKHOUSE) if table.layer == "gold"]
    return sum(
        int(client.query("SELECT count() FROM {mart:Identifier}", parameters={"mart": name}).result_rows[0][0])
        for name in marts
    )


def _detail(client: Client, portfolio_id: str, business_date: str) -> RiskDetail:
    asked = {"portfolio": portfolio_id, "day": business_date, "confidence": TAIL}
    changes = _rows(client, CHANGES, asked)
    parts = _rows(client, CONTRIBUTORS, {**asked, "method": ANALYSED.value})
    worst = _rows(client, WORST, {"portfolio": portfolio_id, "day": business_date, "days": WORST_DAYS})
    return RiskDetail(
        zones={row["method"]: row["zone"] for row in _rows(client, ZONES, asked)},
        changes={row["method"]: row["var_change_base"] for row in changes},
        since=_since(changes),
        contributors=tuple(
            Contributor(row["group_name"], row["exposure_base"], row["component_var_base"], row["component_es_base"])
            for row in parts
        ),
        worst=tuple(Scenario(row["scenario_date"], row["pnl_base"]) for row in worst),
        stress=tuple(_stress(row) for row in _rows(client, STRESS, asked)),
        explained=next((_explained(row) for row in _rows(client, EXPLAINED, asked)), None),
    )


def _stress(row: Mapping[str, Any]) -> Stress:
    return Stress(
        kind=row["kind"],
        title=row["title"],
        pnl=row["pnl_base"],
        share=row["pnl_share"],
        worst=row["worst_base"],
        distance=row["distance"],
        reason=row["reason"],
    )


def _explained(row: Mapping[str, Any]) -> ExplainedDay:
    parts = {} if row["reason"] else {part: row[f"{part}_base"] for part in PARTS}
    return ExplainedDay(row["previous_date"], row["total_base"], row["gain_share"], parts, row["reason"])


def _since(changes: list[dict[str, Any]]) -> date | None:
    found: date | None = changes[0]["previous_date"] if changes else None
    return found


def _strategy(
    row: Mapping[str, Any], best: Mapping[str, Mapping[str, Any]], reports: Mapping[str, str]
) -> StrategyResult:
    name = row["strategy"]
    return StrategyResult(
        strategy=name,
        first_date=row["first_date"],
        last_date=row["last_date"],
        annual_return=row["annual_return"],
        sharpe=row["sharpe"],
        deflated_sharpe=row["deflated_sharpe"],
        max_drawdown=row["max_drawdown"],
        trials=row["trials"],
        best_sharpe=best[name]["sharpe"],
        survivorship=row["survivorship"],
        report=reports.get(name, ""),
    )


def _rows(client: Client, statement: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    found = client.query(statement, parameters=dict(parameters))
    return list(found.named_results())
