"""Alerts as a room of the API."""

from serving.alerts.endpoints import TAG, router, rows
from serving.alerts.service import AlertService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of alerts."""
    return {"alerts": AlertService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router, rows),
    make=make,
    tags=((TAG, "Rules that were broken: each once, with the tick that did it. The socket's channel tells them too."),),
)
