"""Confirmations as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.confirmations.automation import Automation
from serving.confirmations.endpoints import router
from serving.confirmations.repository import ConfirmationRepository
from serving.confirmations.service import ConfirmationService, ProposalClosed, ProposalStale, TradesRefused
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service
from serving.orders.service import OrderService


def make(platform: Platform) -> dict[str, object]:
    """The service of confirmations."""
    return {
        "confirmations": ConfirmationService(
            ConfirmationRepository(platform.database),
            clock=platform.clock,
            exchange=platform.settings.market.calendar,
            tolerance=platform.settings.allocation.price_tolerance,
        )
    }


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Confirm what is automatic, beside the requests."""
    automation = Automation(
        platform=platform,
        repository=ConfirmationRepository(platform.database),
        confirmations=service(services, "confirmations", ConfirmationService),
        orders=service(services, "orders", OrderService),
    )
    async with background(platform.metrics, proposal_automation=automation.run_forever):
        yield


ROOM = Room(
    routers=(router,),
    make=make,
    run=run,
    refusals=(ProposalClosed, ProposalStale, TradesRefused),
)
