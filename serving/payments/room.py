"""Payments as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from ml.checks.champion import Champion, champion_of
from ml.features.payments import PAYMENT_FEATURES
from serving.kit.champions import keep_fresh
from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service
from serving.payments.endpoints import TAG, commands, resource
from serving.payments.problems import REFUSALS
from serving.payments.service import PaymentService


def make(platform: Platform) -> dict[str, object]:
    """The service of payments."""
    champion = champion_of(platform.settings, "payment_fraud", PAYMENT_FEATURES)
    return {
        "payment_champion": champion,
        "payments": PaymentService(platform.database, platform.clock, champion),
    }


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Keep the model that judges fresh, beside the requests."""
    champion = service(services, "payment_champion", Champion)
    async with background(platform.metrics, payment_model=partial(keep_fresh, platform, champion)):
        yield


ROOM = Room(
    routers=(commands, resource),
    make=make,
    run=run,
    refusals=REFUSALS,
    guidance={
        "/api/v1/payments": "What a payment says is fixed: cancel it (DELETE) while it is held and make another."
    },
    tags=((TAG, "Money to other accounts, here and elsewhere, judged before it moves."),),
)
