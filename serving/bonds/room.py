"""Bonds as a room of the API."""

from serving.bonds.endpoints import TAG, router
from serving.bonds.service import BondService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of bonds."""
    return {"bonds": BondService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "Terms of instruments that are bonds. Everybody reads them, admins write them."),),
)
