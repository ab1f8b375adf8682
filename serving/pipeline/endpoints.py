"""Route of the pipelines' state: it translates, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.pipeline.schemas import PipelineStatus
from serving.pipeline.service import PipelineService

router = APIRouter(prefix="/api/v1/pipeline", tags=["pipeline"])


async def service_of(request: Request) -> PipelineService:
    """The service that the wiring made."""
    service: PipelineService = request.state.pipeline
    return service


@router.get("/status", summary="Read how the pipelines stand", responses=guarded())
async def read_pipeline_status(
    service: Annotated[PipelineService, Depends(service_of)],
    _: Annotated[Principal, allowed(Scope.MARKET_READ)],
) -> PipelineStatus:
    """DAG runs, lags of the lander and the outbox, freshness and last good publish of every table, newest job runs.

    At most five seconds old. A part whose engine does not answer says so in `unavailable`; the others are told.
    """
    return await service.status()
