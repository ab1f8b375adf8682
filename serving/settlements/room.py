"""Settlements as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service
from serving.settlements.endpoints import TAG, commands, resource
from serving.settlements.service import SettlementOver, SettlementService


def make(platform: Platform) -> dict[str, object]:
    """The service of settlements."""
    return {
        "settlements": SettlementService(platform.database, platform.clock),
    }


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Settle trades beside the requests."""
    settlements = service(services, "settlements", SettlementService)
    work = partial(settlements.settle_forever, platform.lifecycle)
    async with background(platform.metrics, trade_settler=work):
        yield


ROOM = Room(
    routers=(commands, resource),
    make=make,
    run=run,
    refusals=(SettlementOver,),
    guidance={
        "/api/v1/settlements": "A payment to an IBAN makes its settlement (POST /api/v1/payments); an admin ends it by "
        "POST /api/v1/settlements/ID/settle, /fail or /return. A trade's settles by itself."
    },
    tags=((TAG, "How payments to other banks ended, and when trades settle."),),
)
