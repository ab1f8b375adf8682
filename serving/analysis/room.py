"""Analysis sessions as a room of the API."""

from contextlib import AbstractAsyncContextManager

from serving.analysis.endpoints import Surroundings, router
from serving.analysis.registry import Registry
from serving.analysis.repository import AnalysisRepository
from serving.analysis.service import AnalysisService
from serving.analysis.state import SessionStore
from serving.kit.rooms import Platform, Room, Services


def make(platform: Platform) -> dict[str, object]:
    """The service, and the sessions that are connected."""
    repository = AnalysisRepository(platform.database)
    service = AnalysisService(repository, SessionStore(platform.redis), platform.clock)
    around = Surroundings(platform.metrics, platform.lifecycle)
    return {"analysis": service, "analysis_sessions": Registry(), "analysis_surroundings": around}


def run(platform: Platform, services: Services) -> AbstractAsyncContextManager[None]:
    """The market's updates, for as long as the API lives."""
    registry = services["analysis_sessions"]
    if not isinstance(registry, Registry):
        raise TypeError("analysis_sessions is made above")
    return registry.updating(platform.settings.serving.analysis_update_s, platform.metrics)


ROOM = Room(routers=(router,), make=make, run=run)
