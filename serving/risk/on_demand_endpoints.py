"""Routes of risk on request: they translate, the services decide."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.risk.jobs import RiskJobs
from serving.risk.on_demand import OnDemand
from serving.risk.on_demand_schemas import ComputeBatchIn, ComputeIn, RiskComputed, RiskJob

router = APIRouter(prefix="/api/v1/risk-metrics", tags=["risk"])


async def on_demand_of(request: Request) -> OnDemand:
    """The service that the wiring made."""
    service: OnDemand = request.state.risk_on_demand
    return service


async def jobs_of(request: Request) -> RiskJobs:
    """The service that the wiring made."""
    service: RiskJobs = request.state.risk_jobs
    return service


@router.post("/compute", summary="Compute a portfolio's VaR and ES now", responses=guarded(404, 409))
async def compute_risk(
    body: ComputeIn,
    service: Annotated[OnDemand, Depends(on_demand_of)],
    principal: Annotated[Principal, allowed(Scope.RISK_READ)],
) -> RiskComputed:
    """What is held now, under the daily returns of the past, by the functions that the nightly batch uses.

    Nothing is stored. A history that is missing, stale or too short for the confidence gets 409 with the reason:
    an absence is never a risk of zero.
    """
    return await service.compute(principal, body.portfolio_id, body.ask)


@router.post(
    "/compute-batch", status_code=202, summary="Compute the risk of many portfolios", responses=guarded(404, 409)
)
async def compute_risk_batch(
    body: ComputeBatchIn,
    response: Response,
    service: Annotated[RiskJobs, Depends(jobs_of)],
    principal: Annotated[Principal, allowed(Scope.RISK_WRITE)],
) -> RiskJob:
    """A job: `Location` is where its progress and, portfolio by portfolio, its results are read.

    It survives a restart of the API. Five jobs of a user may be unfinished at a time.
    """
    job = await service.submit(principal, body)
    response.headers["Location"] = f"/api/v1/risk-metrics/jobs/{job.id}"
    return job


@router.get("/jobs/{job_id}", summary="Read a risk job", responses=guarded(404))
async def read_risk_job(
    job_id: Annotated[UUID, Path(description="id of the job")],
    service: Annotated[RiskJobs, Depends(jobs_of)],
    principal: Annotated[Principal, allowed(Scope.RISK_READ)],
) -> RiskJob:
    """Progress, and the results so far."""
    return await service.find(principal, job_id)
