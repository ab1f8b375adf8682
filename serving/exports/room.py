"""Exports as a room of the API."""

from serving.exports.endpoints import TAG, router
from serving.exports.repository import ExportRepository
from serving.exports.service import ExportService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of exports."""
    return {"exports": ExportService(ExportRepository(platform.database))}


ROOM = Room(
    routers=(router,), make=make, tags=((TAG, "Everything that a portfolio's books hold, as files to take away."),)
)
