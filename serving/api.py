"""Composition of the routes and of the refusals that they may answer."""

from fastapi import FastAPI

from serving.health import endpoints as health
from serving.health.service import NotReady
from serving.kit import docs, problems
from serving.kit.paging import CursorMismatch
from serving.portfolios import endpoints as portfolios
from serving.portfolios.service import PortfolioNotFound
from serving.risk import endpoints as risk
from serving.risk.service import EmptyDateRange, RiskNotPublished

REFUSALS: tuple[type[problems.ApiError], ...] = (
    *problems.SHARED,
    NotReady,
    PortfolioNotFound,
    RiskNotPublished,
    CursorMismatch,
    EmptyDateRange,
)


def install(app: FastAPI) -> None:
    """Add every route to `app`."""
    app.include_router(health.router)
    app.include_router(portfolios.router)
    app.include_router(risk.router)
    app.include_router(docs.router(REFUSALS))
