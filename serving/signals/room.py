"""Signals as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.portfolios.service import PortfolioService
from serving.signals.endpoints import TAG, router
from serving.signals.repository import SignalRepository
from serving.signals.service import NoSignalPolicy, SignalService


def make(platform: Platform) -> dict[str, object]:
    """The service of signals."""
    portfolios = PortfolioService(platform.database, platform.clock)
    return {"signals": SignalService(SignalRepository(platform.database), portfolios, clock=platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(NoSignalPolicy,),
    tags=((TAG, "Trading signals that place orders in portfolios that opted in, and what came of each."),),
)
