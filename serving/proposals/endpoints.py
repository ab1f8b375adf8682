"""Routes of policies and proposals: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import VERSIONED, guarded
from serving.kit.paging import link_header
from serving.kit.versions import IfMatch, etag
from serving.proposals.schemas import PolicyIn, PolicyOut, ProposalDetail, ProposalPage, ProposalQuery
from serving.proposals.service import ProposalService

TAG = "proposals"
policies = APIRouter(prefix="/api/v1/portfolios", tags=[TAG])
proposals = APIRouter(prefix="/api/v1/proposals", tags=[TAG])


async def service_of(request: Request) -> ProposalService:
    """The service that the wiring made."""
    service: ProposalService = request.state.proposals
    return service


Service = Annotated[ProposalService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]
# Without the demo's example: its portfolios have no policy until somebody makes one.
PortfolioId = Annotated[UUID, Path(description="id of the portfolio")]
Writer = Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]


@policies.get(
    "/{portfolio_id}/rebalance-policy",
    summary="Read how a portfolio is rebalanced",
    operation_id="get_rebalance_policy",
    responses={**VERSIONED, **guarded(404)},
)
async def read_policy(portfolio_id: PortfolioId, service: Service, principal: Reader, response: Response) -> PolicyOut:
    """The policy with every usual value written out, and the next date on which it is due."""
    policy = await service.policy(principal, portfolio_id)
    response.headers["ETag"] = etag(policy.version)
    return policy


@policies.put(
    "/{portfolio_id}/rebalance-policy",
    summary="Set how a portfolio is rebalanced",
    operation_id="set_rebalance_policy",
    responses={**VERSIONED, **guarded(404, 409, 412)},
)
async def write_policy(
    portfolio_id: PortfolioId,
    body: PolicyIn,
    service: Service,
    principal: Writer,
    response: Response,
    if_match: IfMatch = None,
) -> PolicyOut:
    """Make the policy, or put this one in the place of the one there is: what is left out has its usual value.

    The daily job proposes trades on each due date and on none between; the limits of the portfolio's objective hold
    as well. Sending it twice changes nothing but the version.
    """
    policy = await service.set_policy(principal, portfolio_id, body, if_match)
    response.headers["ETag"] = etag(policy.version)
    return policy


@proposals.get("", summary="List proposals", operation_id="list_proposals", responses=guarded())
async def list_proposals(
    query: Annotated[ProposalQuery, Query()], request: Request, response: Response, service: Service, principal: Reader
) -> ProposalPage:
    """Proposals by id, page by page; of each portfolio the newest is `open`. They are computed by the daily job."""
    page = await service.page(principal, query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@proposals.get(
    "/{proposal_id}",
    summary="Read a proposal and its trades",
    operation_id="get_proposal",
    responses=guarded(404),
)
async def read_proposal(
    proposal_id: Annotated[UUID, Path(description="id of the proposal")], service: Service, principal: Reader
) -> ProposalDetail:
    """Whole units, lots to close, costs, taxes, weights and risk before and after."""
    return await service.find(principal, proposal_id)
