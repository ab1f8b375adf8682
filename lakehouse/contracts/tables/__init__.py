"""Every table of the platform, by name."""

from lakehouse.contracts.model import ContractError, Store, Table
from lakehouse.contracts.tables import (
    alerting,
    books,
    broker,
    bronze,
    chain,
    gold,
    hot,
    identity,
    market,
    model_quality,
    models,
    ops,
    payments,
    quality,
    rebalancing,
    reports,
    resources,
    risk,
    risk_requests,
    signals,
    silver,
    strategy_backtests,
    stress,
    trading,
)

LAKE = (bronze, silver, gold, risk, stress, strategy_backtests)
BOOKS = (identity, books, trading, payments, chain, resources, market, reports, risk_requests, rebalancing)
OWN = (models, model_quality, quality, ops, alerting, hot, signals, broker)
TABLES: dict[str, Table] = {table.name: table for room in (*LAKE, *BOOKS, *OWN) for table in room.TABLES}


def table(name: str) -> Table:
    """The contract called `name`. Raises ContractError that lists what exists."""
    try:
        return TABLES[name]
    except KeyError:
        raise ContractError(f"no table {name!r}; there are {', '.join(sorted(TABLES))}") from None


def tables_in(store: Store) -> tuple[Table, ...]:
    """The tables that `store` holds."""
    return tuple(found for found in TABLES.values() if store in found.stores)
