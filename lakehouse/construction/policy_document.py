"""Policies as JSON, as PostgreSQL keeps them and manifests tell them: numbers of money as text, weights as numbers."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Aim, Bands, Costs, Frequency, Pace, Policy, Sector, Taxes
from lakehouse.construction.regime import Regime


def document(policy: Policy) -> dict[str, Any]:
    """JSON values from which `parse` makes the same policy."""
    return {
        "frequency": str(policy.frequency),
        "aims": {str(regime): _aim_document(policy.aims[regime]) for regime in Regime},
        "sectors": [
            {"name": s.name, "symbols": list(s.symbols), "lower": s.lower, "upper": s.upper} for s in policy.sectors
        ],
        "bands": asdict(policy.bands),
        "pace": {"rate": policy.pace.rate, "max_step": policy.pace.max_step},
        "costs": {name: str(getattr(policy.costs, name)) for name in _COSTS},
        "taxes": {name: str(getattr(policy.taxes, name)) for name in _TAXES},
        "min_trade": str(policy.min_trade),
        "lot_size": policy.lot_size,
        "universe": list(policy.universe),
        "excluded": list(policy.excluded),
        "max_volatility": policy.max_volatility,
        "target_return": policy.target_return,
    }


def parse(told: Mapping[str, Any]) -> Policy:
    """The policy that `document` told; what is left out has its usual value. Raises InvalidParameter, KeyError,
    TypeError, ValueError for what is no policy."""
    usual = Policy()
    aims = {Regime(name): _aim(aim) for name, aim in told.get("aims", {}).items()}
    return Policy(
        frequency=Frequency(told.get("frequency", usual.frequency)),
        aims={**usual.aims, **aims},
        sectors=tuple(
            Sector(s["name"], tuple(s["symbols"]), float(s.get("lower", 0.0)), float(s.get("upper", 1.0)))
            for s in told.get("sectors", ())
        ),
        bands=_bands(told.get("bands", {})),
        pace=Pace(**{name: float(value) for name, value in told.get("pace", {}).items()}),
        costs=Costs(**{name: Decimal(value) for name, value in told.get("costs", {}).items()}),
        taxes=Taxes(**{name: Decimal(value) for name, value in told.get("taxes", {}).items()}),
        min_trade=Decimal(told.get("min_trade", "0")),
        lot_size=int(told.get("lot_size", 1)),
        universe=tuple(told.get("universe", ())),
        excluded=tuple(told.get("excluded", ())),
        max_volatility=_limit(told.get("max_volatility")),
        target_return=_limit(told.get("target_return")),
    )


_COSTS = ("per_share", "per_order", "bps", "half_spread_bps")
_TAXES = ("short_term", "long_term")


def _aim_document(aim: Aim) -> dict[str, Any]:
    return {
        "objective": str(aim.objective),
        "cash": aim.cash,
        "max_weight": aim.max_weight,
        "max_turnover": aim.max_turnover,
        "cardinality": aim.cardinality,
        "targets": dict(aim.targets),
        "max_cost": aim.max_cost,
        "budgets": dict(aim.budgets),
        "min_weight": aim.min_weight,
        "max_gross": aim.max_gross,
    }


def _aim(told: Mapping[str, Any]) -> Aim:
    return Aim(
        Objective(told["objective"]),
        cash=float(told.get("cash", 0.0)),
        max_weight=float(told.get("max_weight", 1.0)),
        max_turnover=_limit(told.get("max_turnover")),
        cardinality=told.get("cardinality"),
        targets=_by_symbol(told.get("targets")),
        max_cost=_limit(told.get("max_cost")),
        budgets=_by_symbol(told.get("budgets")),
        min_weight=float(told.get("min_weight", 0.0)),
        max_gross=_limit(told.get("max_gross")),
    )


def _bands(told: Mapping[str, Any]) -> Bands:
    shares = {name: float(value) for name, value in told.items() if name != "to_edge"}
    return Bands(**shares, to_edge=bool(told.get("to_edge", False)))


def _limit(told: float | str | None) -> float | None:
    return None if told is None else float(told)


def _by_symbol(told: Mapping[str, Any] | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((symbol, float(value)) for symbol, value in (told or {}).items()))
