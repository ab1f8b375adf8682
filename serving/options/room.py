"""Options as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.options.endpoints import TAG, router
from serving.options.service import OptionService


def make(platform: Platform) -> dict[str, object]:
    """The service of options."""
    return {"options": OptionService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "Terms of instruments that are options. Everybody reads them, admins write them."),),
)
