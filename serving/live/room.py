"""Live values as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.live.endpoints import router
from serving.live.repository import LiveRepository
from serving.live.service import LiveService
from serving.performance.repository import PerformanceRepository


def make(platform: Platform) -> dict[str, object]:
    """The service of live values."""
    repository = LiveRepository(platform.database, platform.redis)
    return {"live": LiveService(repository, PerformanceRepository(platform.database), platform.clock)}


ROOM = Room(routers=(router,), make=make)
