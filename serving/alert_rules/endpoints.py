"""Routes of alert rules: they translate, the service decides."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import Field
from starlette.responses import Response

from serving.alert_rules.schemas import AlertRuleIn, AlertRuleOut, AlertRulePatch, AlertRuleQuery
from serving.alert_rules.service import AlertRuleService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.batch import MAX_ITEMS, Batch, BatchOut, items_of, written_of
from serving.kit.crud.routes import CREATED, JSON, VERSION_TEXT, Models, Resource, router_of, written
from serving.kit.openapi import CREATED_AT, VERSIONED, guarded
from serving.kit.versions import IfMatch

TAG = "alert rules"
PREFIX = "/api/v1/alert-rules"

rows = router_of(
    Resource(
        prefix="alert-rules",
        tag=TAG,
        noun="alert rule",
        plural="alert rules",
        service="alert_rules",
        models=Models(AlertRuleOut, AlertRuleQuery, None, AlertRulePatch),
        read=Scope.RISK_READ,
        write=Scope.RISK_WRITE,
        operations=frozenset({"list", "update", "delete"}),
        notes={
            "list": "Page by page. `?state=triggered` are those with an alert that you have not acknowledged.",
            "update": "A merge patch (RFC 7396). What the rule is about stays; a change of what is judged arms it.",
            "delete": "It is watched no more; its alerts stay.",
        },
    )
)
router = APIRouter(prefix=PREFIX, tags=[TAG])


async def service_of(request: Request) -> AlertRuleService:
    """The service that the room made."""
    service: AlertRuleService = request.state.alert_rules
    return service


Service = Annotated[AlertRuleService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.RISK_READ)]
Writer = Annotated[Principal, allowed(Scope.RISK_WRITE)]
RuleId = Annotated[UUID, Path(description="id of the alert rule")]
EXAMPLE = {"kind": "price_above", "symbol": "AAPL", "limit_value": "150"}


@router.get(
    "/{alert_rule_id}",
    summary="Read an alert rule",
    operation_id="get_alert_rule",
    response_model=AlertRuleOut,
    responses={**VERSIONED, **guarded(404)},
)
async def get_alert_rule(alert_rule_id: RuleId, service: Service, principal: Reader) -> Response:
    """The rule as it stands. Its ETag is for changes (`If-Match`): `state` moves without them, so there is no 304."""
    return written(await service.detail(principal, alert_rule_id))


class AlertRuleBatch(Batch[AlertRuleIn]):
    """Alert rules to create together."""


Many = AlertRuleBatch | Annotated[list[AlertRuleIn], Field(min_length=1, max_length=MAX_ITEMS)]


@router.post(
    "",
    status_code=CREATED,
    summary="Create an alert rule",
    operation_id="create_alert_rule",
    response_model=AlertRuleOut,
    responses={**CREATED_AT, **guarded(404, 409)},
)
async def create_alert_rule(
    body: Annotated[AlertRuleIn, Body(examples=[EXAMPLE])], service: Service, principal: Writer
) -> Response:
    """What you want to be told, told apart by `kind`: a stop-loss, take-profit or trailing stop of a position; a price;
    a portfolio's drawdown, loss of the day, exposure, largest position or value at risk; a stale or crossed quote.

    It is watched within a second, tick by tick. A rule that is broken when it is set fires with the first tick.
    """
    made = await service.create(principal, body)
    return written(made, status=CREATED, headers={"Location": f"{PREFIX}/{made.id}"})


@router.post(
    "/batch",
    status_code=CREATED,
    summary="Create many alert rules",
    operation_id="create_alert_rules_batch",
    response_model=BatchOut[AlertRuleOut] | list[AlertRuleOut],
    responses=guarded(404, 409),
)
async def create_alert_rules_batch(body: Annotated[Many, Body()], service: Service, principal: Writer) -> Response:
    """All or none, or each for itself (`atomic: false`). A bare array is atomic and answers an array."""
    items, atomic = items_of(body)
    outcomes = await service.batch(principal, items, atomic=atomic)
    return Response(written_of(body, outcomes), CREATED, media_type=JSON)


Act = Callable[[AlertRuleService, Principal, UUID, str | None], Awaitable[AlertRuleOut]]


def _add_action(name: str, summary: str, description: str, act: Act) -> None:
    async def endpoint(
        alert_rule_id: RuleId, service: Service, principal: Writer, if_match: IfMatch = None
    ) -> Response:
        return written(await act(service, principal, alert_rule_id, if_match))

    router.post(
        f"/{{alert_rule_id}}/{name}",
        summary=summary,
        description=description + VERSION_TEXT,
        operation_id=f"{name.replace('-', '')}_alert_rule",
        response_model=AlertRuleOut,
        responses={**VERSIONED, **guarded(404, 409, 412)},
    )(endpoint)


_add_action(
    "pause",
    "Pause an alert rule",
    "It is judged no more until you resume it. Again: no change.",
    AlertRuleService.pause,
)
_add_action(
    "resume",
    "Resume an alert rule",
    "It is judged again, armed: what is broken now fires with the next tick. A trailing stop follows the price from "
    "here. Again: no change.",
    AlertRuleService.resume,
)
_add_action(
    "re-arm",
    "Arm an alert rule",
    "Though its value is not back: what is still broken fires with the next tick, after the cool-down.",
    AlertRuleService.rearm,
)
_add_action(
    "acknowledge",
    "Acknowledge an alert rule",
    "You have seen all its alerts so far. What fires, and when, does not depend on it.",
    AlertRuleService.acknowledge,
)
