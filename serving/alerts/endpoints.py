"""Routes of alerts: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from serving.alerts.schemas import AlertOut, AlertQuery, Seen, SeenOut
from serving.alerts.service import AlertService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.openapi import guarded

TAG = "alerts"

rows = router_of(
    Resource(
        prefix="alerts",
        tag=TAG,
        noun="alert",
        plural="alerts",
        service="alerts",
        models=Models(AlertOut, AlertQuery),
        read=Scope.RISK_READ,
        write=Scope.RISK_WRITE,
        operations=frozenset({"list", "get"}),
        notes={"list": "The history, page by page. `?acknowledged=false&sort=-id` is what waits for you."},
    )
)
router = APIRouter(prefix="/api/v1/alerts", tags=[TAG])


async def service_of(request: Request) -> AlertService:
    """The service that the room made."""
    service: AlertService = request.state.alerts
    return service


Service = Annotated[AlertService, Depends(service_of)]
Writer = Annotated[Principal, allowed(Scope.RISK_WRITE)]


@router.post("/acknowledge", summary="Acknowledge many alerts", responses=guarded(404))
async def acknowledge_alerts(body: Seen, service: Service, principal: Writer) -> SeenOut:
    """You have seen them. All or none: one that is not yours is 404. Seen again: no change."""
    return await service.acknowledge(principal, body.ids)


@router.post("/{alert_id}/acknowledge", summary="Acknowledge an alert", responses=guarded(404))
async def acknowledge_alert(
    alert_id: Annotated[UUID, Path(description="id of the alert")], service: Service, principal: Writer
) -> AlertOut:
    """You have seen it. Seen again: no change; `acknowledged_at` stays."""
    return (await service.acknowledge(principal, [alert_id])).data[0]
