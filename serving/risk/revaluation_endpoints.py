"""The route of revaluation: it translates, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.risk.revaluation_schemas import RevaluationRisk, RevalueIn
from serving.risk.revaluation_service import Revaluation

router = APIRouter(prefix="/api/v1/risk-metrics", tags=["risk"])


async def service_of(request: Request) -> Revaluation:
    """The service that the wiring made."""
    service: Revaluation = request.state.risk_revaluation
    return service


@router.post("/revalue", summary="Measure options, bonds and shares by revaluation", responses=guarded(404, 409))
async def revalue_risk(
    body: RevalueIn,
    service: Annotated[Revaluation, Depends(service_of)],
    principal: Annotated[Principal, allowed(Scope.RISK_READ)],
) -> RevaluationRisk:
    """VaR and ES of what a portfolio holds, of positions that are given, or of both, by delta, delta-gamma or full
    revaluation, under past or drawn moves of prices and bond yields; with what each position was priced from and what
    it contributes.

    Options move with the closes of their underlying, at a volatility that is given or implied by their newest close;
    bonds with the yields that closes tell. Volatilities, rates and time stand still. Nothing is stored. 409
    `terms_missing`, `input_missing` and `history_missing` name the instrument and what to give.
    """
    return await service.compute(principal, body)
