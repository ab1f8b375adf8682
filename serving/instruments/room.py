"""Instruments as a room of the API."""

from serving.instruments.drafts import TooManyDrafts
from serving.instruments.endpoints import TAG, router
from serving.instruments.service import InstrumentService, InstrumentTraded, WrongKind
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of instruments."""
    return {"instruments": InstrumentService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(InstrumentTraded, WrongKind, TooManyDrafts),
    tags=((TAG, "What can be held or quoted. Everybody reads it, admins write it."),),
)
