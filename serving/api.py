"""Composition of the rooms: their routes, and the refusals that they may answer with."""

from typing import Final

from fastapi import FastAPI

from serving.accounts.room import ROOM as ACCOUNTS
from serving.admin.room import ROOM as ADMIN
from serving.aggregate.room import ROOM as AGGREGATE
from serving.alert_rules.room import ROOM as ALERT_RULES
from serving.alerts.room import ROOM as ALERTS
from serving.allocations.room import ROOM as ALLOCATIONS
from serving.analysis.room import ROOM as ANALYSIS
from serving.analytics.room import ROOM as ANALYTICS
from serving.assets.room import ROOM as ASSETS
from serving.auth.room import ROOM as AUTH
from serving.bonds.room import ROOM as BONDS
from serving.cash_transactions.room import ROOM as CASH_TRANSACTIONS
from serving.chain.room import ROOM as CHAIN
from serving.confirmations.room import ROOM as CONFIRMATIONS
from serving.corporate_actions.room import ROOM as CORPORATE_ACTIONS
from serving.customers.room import ROOM as CUSTOMERS
from serving.data_quality.room import ROOM as DATA_QUALITY
from serving.exports.room import ROOM as EXPORTS
from serving.health.room import ROOM as HEALTH
from serving.holdings.room import ROOM as HOLDINGS
from serving.imports.room import ROOM as IMPORTS
from serving.instruments.room import ROOM as INSTRUMENTS
from serving.kit import constraints, docs, idempotency, problems, versions
from serving.kit.crud import batch, service
from serving.kit.paging import CursorMismatch
from serving.kit.rooms import Room
from serving.live.room import ROOM as LIVE
from serving.lots.room import ROOM as LOTS
from serving.market_data.room import ROOM as MARKET_DATA
from serving.models.room import ROOM as MODELS
from serving.objectives.room import ROOM as OBJECTIVES
from serving.options.room import ROOM as OPTIONS
from serving.orders.room import ROOM as ORDERS
from serving.payments.room import ROOM as PAYMENTS
from serving.performance.room import ROOM as PERFORMANCE
from serving.pipeline.room import ROOM as PIPELINE
from serving.portfolios.room import ROOM as PORTFOLIOS
from serving.positions.room import ROOM as POSITIONS
from serving.preferences.room import ROOM as PREFERENCES
from serving.proposals.room import ROOM as PROPOSALS
from serving.quotes.room import ROOM as QUOTES
from serving.risk.room import ROOM as RISK
from serving.seed.room import ROOM as SEED
from serving.settlements.room import ROOM as SETTLEMENTS
from serving.signals.room import ROOM as SIGNALS
from serving.sockets.room import ROOM as SOCKETS
from serving.trades.room import ROOM as TRADES
from serving.transactions.room import ROOM as TRANSACTIONS
from serving.valuations.room import ROOM as VALUATIONS
from serving.watchlists.room import ROOM as WATCHLISTS

# In the order of the documentation; a room may use the services of those that `import-linter` lets it import.
ROOMS: Final[tuple[Room, ...]] = (
    AUTH,
    PREFERENCES,
    INSTRUMENTS,
    BONDS,
    OPTIONS,
    SOCKETS,  # first: /ws/quotes is no session's name, /market-data/stream no observation's
    QUOTES,
    MARKET_DATA,
    CUSTOMERS,
    WATCHLISTS,
    ACCOUNTS,
    PORTFOLIOS,
    HOLDINGS,
    POSITIONS,
    LOTS,
    TRANSACTIONS,
    CASH_TRANSACTIONS,
    OBJECTIVES,
    ALLOCATIONS,
    PROPOSALS,
    SIGNALS,
    CONFIRMATIONS,
    ASSETS,
    PERFORMANCE,
    LIVE,
    VALUATIONS,
    IMPORTS,
    EXPORTS,
    ORDERS,
    TRADES,
    PAYMENTS,
    SETTLEMENTS,
    CHAIN,
    RISK,
    ALERT_RULES,
    ALERTS,
    AGGREGATE,
    SEED,
    ANALYTICS,
    MODELS,
    PIPELINE,
    DATA_QUALITY,
    CORPORATE_ACTIONS,
    ANALYSIS,  # after the other sockets: its path takes any name
    ADMIN,
    HEALTH,
)

REFUSALS: Final[tuple[type[problems.ApiError], ...]] = (
    *problems.SHARED,
    CursorMismatch,
    service.NotFound,
    service.StillNeeded,
    batch.BatchRefused,
    versions.VersionConflict,
    idempotency.KeyReused,
    idempotency.TwinInFlight,
    constraints.AlreadyExists,
    constraints.UnknownReference,
    constraints.RuleBroken,
    constraints.NumberTooLarge,
    constraints.InsufficientFunds,
    constraints.InsufficientHoldings,
    *(refusal for room in ROOMS for refusal in room.refusals),
)


def install(app: FastAPI) -> None:
    """Add every route to `app`."""
    for room in ROOMS:
        for router in room.routers:
            app.include_router(router)
    app.include_router(docs.router(REFUSALS))


def tags() -> list[dict[str, str]]:
    """Names and descriptions of the groups that the documentation shows."""
    return [{"name": name, "description": text} for room in ROOMS for name, text in room.tags]


def guidance() -> dict[str, str]:
    """What to do instead where a path does not take a method, by the start of the path."""
    return {start: text for room in ROOMS for start, text in room.guidance.items()}
