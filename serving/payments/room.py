"""Payments as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.payments.endpoints import TAG, commands, resource
from serving.payments.problems import REFUSALS
from serving.payments.service import PaymentService


def make(platform: Platform) -> dict[str, object]:
    """The service of payments."""
    return {
        "payments": PaymentService(platform.database, platform.clock),
    }


ROOM = Room(
    routers=(commands, resource),
    make=make,
    refusals=REFUSALS,
    guidance={
        "/api/v1/payments": "What a payment says is fixed: cancel it (DELETE) while it is held and make another."
    },
    tags=((TAG, "Money to other accounts, here and elsewhere, judged before it moves."),),
)
