"""Objectives as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.objectives.endpoints import TAG, router
from serving.objectives.service import ObjectiveService


def make(platform: Platform) -> dict[str, object]:
    """The service of objectives."""
    return {
        "objectives": ObjectiveService(platform.database, platform.clock, exchange=platform.settings.market.calendar)
    }


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "What a portfolio is to achieve, within which limits, and how often it is rebalanced."),),
)
