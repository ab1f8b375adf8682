"""Routes for probes, load balancers and Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from serving.health.schemas import Live, NotReadyProblem, ReadinessReport
from serving.health.service import HealthService
from serving.kit.metrics import CONTENT_TYPE, Metrics
from serving.kit.openapi import Responses, problems

DOCS_PATH = "/docs"
NOT_READY: Responses = {503: {"model": NotReadyProblem, "description": "A required engine is down"}}

router = APIRouter(tags=["health"])


async def service_of(request: Request) -> HealthService:
    """The service that the wiring made."""
    service: HealthService = request.state.health
    return service


async def metrics_of(request: Request) -> Metrics:
    """The application's metrics."""
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get("/health/live", summary="Is the process alive?", responses=problems())
async def live(request: Request) -> Live:
    """Looks at no engine: restarting this process would not repair one."""
    return Live(status="live", version=request.app.version)


@router.get("/health/ready", summary="Can it do its work?", responses=problems() | NOT_READY)
async def ready(service: Annotated[HealthService, Depends(service_of)]) -> ReadinessReport:
    """One round trip to every engine, side by side, with its latency. 503 where a required one is down."""
    return await service.require_ready()


@router.get("/health", include_in_schema=False)
async def health(service: Annotated[HealthService, Depends(service_of)]) -> ReadinessReport:
    """The same under the name that most look for first."""
    return await service.require_ready()


@router.get("/", include_in_schema=False)
async def front_door() -> RedirectResponse:
    """To the documentation."""
    return RedirectResponse(DOCS_PATH)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={**problems(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(found: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    """Requests by route template, latencies, and the last verdict of every readiness probe."""
    return Response(found.text(), media_type=CONTENT_TYPE)
