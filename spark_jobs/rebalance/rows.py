"""Proposals as rows of the gold tables."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import pyarrow as pa

from lakehouse.construction.proposal import Proposal, ProposedTrade
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.rebalancing import PROPOSALS, TRADES
from lakehouse.domain.money import cents


def proposal_rows(proposals: Iterable[Proposal], names: Mapping[UUID, str], run_id: str) -> pa.Table:
    """gold.rebalance_proposals_v1: one row a portfolio."""
    return pa.Table.from_pylist([_proposal(found, names, run_id) for found in proposals], schema(PROPOSALS))


def trade_rows(proposals: Iterable[Proposal], run_id: str) -> pa.Table:
    """gold.rebalance_trades_v1: one row a trade, in the proposal's order."""
    rows = [
        {
            "business_date": found.business_date,
            "portfolio_id": str(found.portfolio_id),
            "line": line,
            "run_id": run_id,
            **_trade(trade),
        }
        for found in proposals
        for line, trade in enumerate(found.trades)
    ]
    return pa.Table.from_pylist(rows, schema(TRADES))


def _proposal(found: Proposal, names: Mapping[UUID, str], run_id: str) -> dict[str, Any]:
    before, after = found.risk_before, found.risk_after
    return {
        "business_date": found.business_date,
        "portfolio_id": str(found.portfolio_id),
        "portfolio_name": names[found.portfolio_id],
        "base_currency": found.currency,
        "status": str(found.status),
        "reasons": json.dumps(found.reasons),
        "regime": str(found.regime),
        "regime_source": found.regime_source,
        "objective": str(found.objective),
        "value_base": cents(found.value),
        "cash_before_base": cents(found.cash_before),
        "cash_after_base": cents(found.cash_after),
        "drift_before": found.drift_before,
        "drift_after": found.drift_after,
        "turnover": found.turnover,
        "cost_base": cents(found.cost),
        "tax_base": cents(found.tax),
        "volatility_before": before.volatility,
        "volatility_after": after.volatility,
        "var_99_before": before.var_99,
        "var_99_after": after.var_99,
        "es_975_before": before.es_975,
        "es_975_after": after.es_975,
        "trade_count": len(found.trades),
        "lots_method": found.lots_method,
        "solver": found.solver,
        "conventions": found.conventions,
        "weights": json.dumps(
            [
                {"symbol": x.symbol, "before": x.before, "target": x.target, "step": x.step, "after": x.after}
                for x in found.lines
            ]
        ),
        "versions": json.dumps(dict(found.versions), sort_keys=True),
        "run_id": run_id,
    }


def _trade(trade: ProposedTrade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": str(trade.side),
        "quantity": trade.quantity,
        "reference_price": trade.reference_price,
        "notional_base": cents(trade.notional),
        "cost_base": cents(trade.cost),
        "short_gain_base": cents(trade.short_gain),
        "long_gain_base": cents(trade.long_gain),
        "lots": json.dumps([{"lot_id": str(lot), "quantity": f"{quantity:f}"} for lot, quantity in trade.lots]),
        "note": trade.note,
    }
