"""Positions as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.positions.endpoints import TAG, router
from serving.positions.service import PositionService

ADVICE = (
    "Positions follow from transactions: POST /api/v1/transactions books a purchase, a sale or units transferred in, "
    "POST /api/v1/orders trades."
)


def make(platform: Platform) -> dict[str, object]:
    """The service of positions."""
    return {"positions": PositionService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "Units held, folded from the transactions; nobody writes them by hand."),),
    guidance={"/api/v1/positions": ADVICE},
)
