"""Proposals as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.portfolios.service import PortfolioService
from serving.proposals.endpoints import TAG, policies, proposals
from serving.proposals.repository import ProposalRepository
from serving.proposals.service import NoPolicy, PolicyRefused, ProposalService

ADVICE = "Proposals are computed daily: PUT /api/v1/portfolios/{portfolio_id}/rebalance-policy says when and how."


def make(platform: Platform) -> dict[str, object]:
    """The service of policies and proposals."""
    return {
        "proposals": ProposalService(
            ProposalRepository(platform.database),
            PortfolioService(platform.database, platform.clock),
            clock=platform.clock,
            exchange=platform.settings.market.calendar,
        )
    }


ROOM = Room(
    routers=(policies, proposals),
    make=make,
    refusals=(NoPolicy, PolicyRefused),
    tags=((TAG, "How portfolios are rebalanced, and what to trade: computed daily, in whole units."),),
    guidance={"/api/v1/proposals": ADVICE},
)
