"""Routes of holdings: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from serving.holdings.schemas import HoldingsOut, ReconciliationOut
from serving.holdings.service import HoldingService, ReconciliationService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.portfolios.endpoints import PortfolioId

TAG = "holdings"
router = APIRouter(prefix="/api/v1/portfolios", tags=[TAG])


async def service_of(request: Request) -> HoldingService:
    """The service that the wiring made."""
    service: HoldingService = request.state.holdings
    return service


@router.get(
    "/{portfolio_id}/holdings",
    summary="Read what a portfolio holds, costs and is worth",
    operation_id="get_portfolio_holdings",
    responses=guarded(404),
)
async def read_holdings(
    portfolio_id: PortfolioId,
    service: Annotated[HoldingService, Depends(service_of)],
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
) -> HoldingsOut:
    """Every position with the cost of its lots and its value by the last price; without a price the value is null."""
    return await service.holdings(principal, portfolio_id)


async def reconciliation_of(request: Request) -> ReconciliationService:
    """The service that the wiring made."""
    service: ReconciliationService = request.state.reconciliation
    return service


@router.get(
    "/{portfolio_id}/reconciliation",
    summary="Count a portfolio's books again",
    operation_id="get_portfolio_reconciliation",
    responses=guarded(404),
)
async def read_reconciliation(
    portfolio_id: PortfolioId,
    service: Annotated[ReconciliationService, Depends(reconciliation_of)],
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
) -> ReconciliationOut:
    """Positions and lots are folded again from the transactions, balances added up again from the entries. It should
    find nothing; the same count runs over all portfolios each night."""
    return await service.reconcile(principal, portfolio_id)
