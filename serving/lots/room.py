"""Lots as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.lots.endpoints import TAG, router
from serving.lots.service import LotService


def make(platform: Platform) -> dict[str, object]:
    """The service of lots."""
    return {"lots": LotService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "What each purchase still holds, folded from the transactions; nobody writes it by hand."),),
    guidance={"/api/v1/lots": "Lots follow from transactions: POST /api/v1/transactions books one."},
)
