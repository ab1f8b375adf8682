"""Preferences as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.preferences.endpoints import TAG, router
from serving.preferences.service import PreferenceService, UnknownTimezone


def make(platform: Platform) -> dict[str, object]:
    """The service of preferences."""
    return {"user_preferences": PreferenceService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(UnknownTimezone,),
    tags=((TAG, "How you want to see things: one set for each key, such as `default` or a device."),),
)
