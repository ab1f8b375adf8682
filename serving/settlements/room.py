"""Settlements as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.settlements.endpoints import TAG, commands, resource
from serving.settlements.service import SettlementOver, SettlementService


def make(platform: Platform) -> dict[str, object]:
    """The service of settlements."""
    return {
        "settlements": SettlementService(platform.database, platform.clock),
    }


ROOM = Room(
    routers=(commands, resource),
    make=make,
    refusals=(SettlementOver,),
    guidance={
        "/api/v1/settlements": "A payment to an IBAN makes its settlement (POST /api/v1/payments); an admin ends it by "
        "POST /api/v1/settlements/ID/settle, /fail or /return."
    },
    tags=((TAG, "How payments to other banks ended."),),
)
