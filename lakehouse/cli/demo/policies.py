"""How the demo's portfolios are rebalanced: policies that its user sends to the API."""

from collections.abc import Mapping
from typing import Any

from lakehouse.cli.demo.api import Api
from lakehouse.migrations.postgres.demo import PORTFOLIOS


def _always(calm: Mapping[str, Any], bear: Mapping[str, Any]) -> dict[str, Any]:
    """One aim for rising and sideways markets, another for falling ones."""
    return {"bull": calm, "sideways": calm, "bear": bear}


_CORE = {"objective": "min_variance", "max_weight": "0.12", "max_turnover": "0.4", "cash": "0.02"}
_TARGETS = [
    {"symbol": symbol, "weight": weight}
    for symbol, weight in (
        ("JNJ", "0.15"),
        ("KO", "0.12"),
        ("LLY", "0.09"),
        ("MRK", "0.12"),
        ("PEP", "0.11"),
        ("PFE", "0.10"),
        ("PG", "0.11"),
        ("UNH", "0.08"),
        ("WMT", "0.10"),
    )
]
_INCOME = {"objective": "target_weights", "targets": _TARGETS}

_LONG_SHORT = {
    "objective": "target_weights",
    "targets": [
        {"symbol": symbol, "weight": weight}
        for symbol, weight in (
            ("AAPL", "0.45"),
            ("AMD", "0.40"),
            ("CVX", "-0.20"),
            ("MSFT", "0.50"),
            ("RRC", "-0.10"),
            ("XOM", "-0.20"),
        )
    ],
    "min_weight": "-0.25",
    "max_gross": "2",
}

POLICIES: dict[str, dict[str, Any]] = {
    # The least variance at 40 % turnover, and a third in cash when the market falls.
    "Global Equity Core": {"aims": _always(_CORE, {**_CORE, "cash": "0.3"})},
    # Fixed weights; traded only where one has left its band by more than 1 % of the value, or a tenth of the weight.
    "Health & Staples Income": {
        "aims": _always(_INCOME, _INCOME),
        "bands": {"absolute": "0.01", "relative": "0.1"},
    },
    # Both sides back to half their size: shorts are allowed, and the sum of both sides stays below twice the value.
    "Long/Short Tech-Energy": {"aims": _always(_LONG_SHORT, _LONG_SHORT)},
}


def ensure(api: Api, business_date: str) -> None:
    """Give each of the demo's portfolios its policy, due on the date; one that somebody made since stays.

    Raises ApiRefusedError.
    """
    for portfolio in PORTFOLIOS:
        path = f"/api/v1/portfolios/{portfolio.id}/rebalance-policy"
        if api.find(path) is None:
            api.put(path, {"frequency": "monthly", "starts_on": business_date, **POLICIES[portfolio.name]})
