"""The aggregate as a room of the API."""

from serving.aggregate.cache import AggregateCache
from serving.aggregate.endpoints import router
from serving.aggregate.repository import AggregateRepository
from serving.aggregate.service import AggregateService
from serving.kit.rooms import Platform, Room
from serving.risk.repository import RiskRepository


def make(platform: Platform) -> dict[str, object]:
    """The service of the aggregate."""
    cache = AggregateCache(platform.redis, platform.clock)
    service = AggregateService(
        AggregateRepository(platform.database), RiskRepository(platform.marts), cache, platform.clock
    )
    return {"aggregate": service}


ROOM = Room(routers=(router,), make=make)
