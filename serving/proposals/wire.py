"""Policies and proposals between their stored form and the wire."""

from datetime import date
from decimal import Decimal
from typing import Any

from lakehouse.construction.policy import Policy
from lakehouse.construction.policy_document import document, parse
from lakehouse.construction.regime import Regime
from serving.kit.types import money_out, plain
from serving.proposals.repository import PolicyRow, ProposalRow, TradeRow
from serving.proposals.schemas import (
    AimIn,
    LotOut,
    PolicyIn,
    PolicyOut,
    ProposalDetail,
    ProposalOut,
    RiskOut,
    TradeOut,
    WeightOut,
)

DIGITS = Decimal("0.00000001")


def policy_of(asked: PolicyIn) -> Policy:
    """The policy that was asked for. Raises RiskError where its parts contradict each other."""
    told = asked.model_dump(mode="json", exclude={"starts_on", "is_enabled", "is_automatic", "aims"})
    aims = {name: _aim_document(aim) for name, aim in asked.aims if aim is not None}
    return parse({**told, "aims": aims})


def policy_out(row: PolicyRow, today: date) -> PolicyOut:
    """A stored policy as it is answered."""
    told = document(parse(row.document))
    aims = {str(regime): _aim_out(told["aims"][regime]) for regime in Regime}
    shares = {
        "sectors": [{**s, "lower": _text(s["lower"]), "upper": _text(s["upper"])} for s in told["sectors"]],
        "bands": {**told["bands"], **{name: _text(told["bands"][name]) for name in ("absolute", "relative")}},
        "pace": {name: _text(value) for name, value in told["pace"].items()},
    }
    return PolicyOut.model_validate(
        {
            **told,
            **shares,
            "aims": aims,
            "portfolio_id": row.portfolio_id,
            "frequency": row.frequency,
            "starts_on": row.anchor_on,
            "next_on": row.next_on,
            "is_overdue": row.is_enabled and row.next_on < today,
            "proposed_on": row.proposed_on,
            "is_enabled": row.is_enabled,
            "is_automatic": row.is_automatic,
            "version": row.version,
            "updated_at": row.updated_at,
        }
    )


def proposal_out(row: ProposalRow) -> ProposalOut:
    """A row of the list."""
    return ProposalOut.model_validate(_common(row))


def proposal_detail(row: ProposalRow, trades: list[TradeRow]) -> ProposalDetail:
    """A proposal with everything."""
    told = {
        **_common(row),
        "trades": [_trade(trade, row.base_currency) for trade in trades],
        "weights": [
            WeightOut(symbol=w["symbol"], **{name: _number(w[name]) for name in ("before", "target", "step", "after")})
            for w in row.weights
        ],
        "lots_method": row.lots_method,
        "solver": row.solver,
        "conventions": row.conventions,
        "versions": row.versions,
    }
    return ProposalDetail.model_validate(told)


def _common(row: ProposalRow) -> dict[str, Any]:
    money = ("value", "cash_before", "cash_after", "cost", "tax")
    plain = (
        "id",
        "portfolio_id",
        "business_date",
        "state",
        "status",
        "reasons",
        "regime",
        "regime_source",
        "objective",
    )
    return {
        **{name: getattr(row, name) for name in (*plain, "trade_count", "run_id", "created_at", "confirmed_at")},
        **{name: money_out(getattr(row, f"{name}_base"), row.base_currency) for name in money},
        **{name: _number(getattr(row, name)) for name in ("drift_before", "drift_after", "turnover")},
        "risk_before": _risk(row, "before"),
        "risk_after": _risk(row, "after"),
    }


def _risk(row: ProposalRow, when: str) -> RiskOut:
    found = {name: _number(getattr(row, f"{name}_{when}")) for name in ("volatility", "var_99", "es_975")}
    return RiskOut(**found)


def _trade(row: TradeRow, currency: str) -> TradeOut:
    money = {name: money_out(getattr(row, f"{name}_base"), currency) for name in ("notional", "cost")}
    gains = {name: money_out(getattr(row, f"{name}_base"), currency) for name in ("short_gain", "long_gain")}
    lots = [LotOut.model_validate({"lot_id": lot["lot_id"], "quantity": Decimal(lot["quantity"])}) for lot in row.lots]
    plain = {name: getattr(row, name) for name in ("symbol", "side", "quantity", "reference_price", "note", "order_id")}
    return TradeOut.model_validate({**plain, **money, **gains, "lots": lots})


def _aim_document(aim: AimIn) -> dict[str, Any]:
    told = aim.model_dump(mode="json")
    return {
        **told,
        "targets": {target.symbol: float(target.weight) for target in aim.targets},
        "budgets": {budget.symbol: float(budget.part) for budget in aim.budgets},
    }


def _aim_out(told: dict[str, Any]) -> dict[str, Any]:
    limits = ("cash", "max_weight", "max_turnover", "max_cost", "min_weight", "max_gross")
    return {
        **told,
        **{name: None if told[name] is None else _text(told[name]) for name in limits},
        "targets": [{"symbol": symbol, "weight": _text(weight)} for symbol, weight in told["targets"].items()],
        "budgets": [{"symbol": symbol, "part": _text(part)} for symbol, part in told["budgets"].items()],
    }


def _number(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(DIGITS)


def _text(value: float) -> str:
    return plain(_number(value))
