"""Routes of administration: they translate, the services decide. All of them ask for the scope `admin`."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.admin.dashboard import DashboardService
from serving.admin.halts import HaltService
from serving.admin.scheduler import Scheduler
from serving.admin.schemas import (
    AuditPage,
    AuditQuery,
    Dashboard,
    HaltIn,
    HaltList,
    HaltOut,
    SchedulerStatus,
    UserOut,
    UserPage,
    UserPatch,
    UserQuery,
)
from serving.admin.service import AdminService
from serving.auth.authenticator import TokenAuthenticator
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.kit.paging import link_header
from serving.kit.versions import IfMatch, etag

router = APIRouter(prefix="/api/v1/admin", tags=["admin"])


@dataclass(frozen=True, slots=True)
class Administration:
    """The services of this room."""

    users: AdminService
    dashboard: DashboardService
    scheduler: Scheduler
    halts: HaltService


async def administration_of(request: Request) -> Administration:
    """The services that the wiring made."""
    administration: Administration = request.state.administration
    return administration


Services = Annotated[Administration, Depends(administration_of)]
Admin = Annotated[Principal, allowed(Scope.ADMIN)]
HaltId = Annotated[UUID, Path(description="id of the switch")]
UserId = Annotated[UUID, Path(description="id of the user")]


@router.get("/users", summary="List users", responses=guarded())
async def list_users(
    query: Annotated[UserQuery, Query()], request: Request, response: Response, services: Services, _: Admin
) -> UserPage:
    """Users by id, page by page: follow `next`, or the `Link` header."""
    page = await services.users.users(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.get("/users/{user_id}", summary="Read a user", responses=guarded(404))
async def read_user(user_id: UserId, response: Response, services: Services, _: Admin) -> UserOut:
    """The user, with its version as ETag."""
    found = await services.users.user(user_id)
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/users/{user_id}", summary="Change a user's rights", responses=guarded(404, 409, 412))
async def update_user(
    user_id: UserId,
    body: UserPatch,
    request: Request,
    response: Response,
    services: Services,
    principal: Admin,
    if_match: IfMatch = None,
) -> UserOut:
    """Role and status, by merge patch. The user's sessions end; within seconds nothing but the new rights holds.

    Nobody changes their own rights (409).
    """
    changed = await services.users.update(principal, user_id, body, if_match)
    authenticator: TokenAuthenticator = request.state.authenticator
    authenticator.forget(user_id)
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.get("/audit", summary="Read the audit log", responses=guarded())
async def list_audit(
    query: Annotated[AuditQuery, Query()], request: Request, response: Response, services: Services, _: Admin
) -> AuditPage:
    """Who did what, newest first. `tidemark audit verify` proves that no row was changed or removed."""
    page = await services.users.audit(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.get("/dashboard/metrics", summary="The platform in numbers", responses=guarded())
async def dashboard(services: Services, _: Admin) -> Dashboard:
    """Counts of this moment; those of requests are this process's own, /metrics has them in full."""
    return await services.dashboard.read()


@router.get("/scheduler/status", summary="The scheduler's state", responses=guarded())
async def scheduler(services: Services, _: Admin) -> SchedulerStatus:
    """Airflow's components, its DAGs and their newest runs, at most five seconds old. 503 while it does not answer."""
    return await services.scheduler.status()


@router.get("/halts", summary="List what stops trading", responses=guarded(), operation_id="list_halts")
async def list_halts(services: Services, _: Admin) -> HaltList:
    """The switches that hold."""
    return await services.halts.holding()


@router.post("/halts", status_code=201, summary="Stop trading", responses=guarded(404, 409), operation_id="create_halt")
async def create_halt(body: HaltIn, services: Services, principal: Admin) -> HaltOut:
    """For a user, a portfolio, or everybody, until it is lifted: new orders and replacements are rejected
    (`trading_halted`). Within a second open orders stand still at the simulated venue: they stay open and may be
    canceled, nothing fills them, no stop is set off and none trails; orders that are good at once (ioc, fok) end."""
    return await services.halts.set(principal, body)


@router.delete("/halts/{halt_id}", summary="Let trading go on", responses=guarded(404), operation_id="lift_halt")
async def lift_halt(halt_id: HaltId, services: Services, principal: Admin) -> HaltOut:
    """The switch is lifted, and stays on record; a second request changes nothing. Within a second open orders go on
    with the market as it is then: what it did before has neither filled them nor set off their stops, nor does it
    where it comes to be known later."""
    return await services.halts.lift(principal, halt_id)
