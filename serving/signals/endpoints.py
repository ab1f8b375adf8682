"""Routes of signals: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import VERSIONED, guarded
from serving.kit.paging import link_header
from serving.kit.versions import IfMatch, etag
from serving.signals.schemas import SignalOutcomePage, SignalOutcomeQuery, SignalPolicyIn, SignalPolicyOut
from serving.signals.service import SignalService

TAG = "signals"
router = APIRouter(prefix="/api/v1/portfolios", tags=[TAG])


async def service_of(request: Request) -> SignalService:
    """The service that the wiring made."""
    service: SignalService = request.state.signals
    return service


Service = Annotated[SignalService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]
Writer = Annotated[Principal, allowed(Scope.ORDERS_WRITE)]
PortfolioId = Annotated[UUID, Path(description="id of the portfolio")]


@router.get(
    "/{portfolio_id}/signal-policy",
    summary="Read how a portfolio follows signals",
    operation_id="get_signal_policy",
    responses={**VERSIONED, **guarded(404)},
)
async def read_policy(
    portfolio_id: PortfolioId, service: Service, principal: Reader, response: Response
) -> SignalPolicyOut:
    """Whose signals place orders in the portfolio, and how much these may do."""
    found = await service.find(principal, portfolio_id)
    response.headers["ETag"] = etag(found.version)
    return found


@router.put(
    "/{portfolio_id}/signal-policy",
    summary="Let signals place orders in a portfolio",
    operation_id="set_signal_policy",
    responses={**VERSIONED, **guarded(404, 412)},
)
async def write_policy(
    portfolio_id: PortfolioId,
    body: SignalPolicyIn,
    service: Service,
    principal: Writer,
    response: Response,
    if_match: IfMatch = None,
) -> SignalPolicyOut:
    """Opt in, or put these terms in the place of those there are: what is left out has its usual value. Signals that
    come from then on place orders at market, in whole units, by the rules of every order."""
    saved = await service.save(principal, portfolio_id, body, if_match)
    response.headers["ETag"] = etag(saved.version)
    return saved


@router.delete(
    "/{portfolio_id}/signal-policy",
    status_code=204,
    summary="Let signals place no orders any more",
    operation_id="delete_signal_policy",
    responses=guarded(404, 412),
)
async def delete_policy(
    portfolio_id: PortfolioId, service: Service, principal: Writer, if_match: IfMatch = None
) -> None:
    """Opt out. Orders that were placed stay, and so does the record of what came of signals."""
    await service.delete(principal, portfolio_id, if_match)


@router.get(
    "/{portfolio_id}/signal-outcomes",
    summary="List what came of signals",
    operation_id="list_signal_outcomes",
    responses=guarded(404),
)
async def list_outcomes(
    portfolio_id: PortfolioId,
    query: Annotated[SignalOutcomeQuery, Query()],
    request: Request,
    response: Response,
    service: Service,
    principal: Reader,
) -> SignalOutcomePage:
    """Each signal that was read while the portfolio followed signals: its order, or the rule that refused it."""
    page = await service.outcomes(principal, portfolio_id, query, request.url.path)
    response.headers.update(link_header(page.next))
    return page
