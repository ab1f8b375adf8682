"""The pipelines' state as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.pipeline.endpoints import router
from serving.pipeline.repository import PipelineRepository
from serving.pipeline.service import PipelineService
from serving.pipeline.sources import Sources


def make(platform: Platform) -> dict[str, object]:
    """The service of the pipelines' state."""
    settings = platform.settings
    sources = Sources(settings.airflow, settings.kafka, timeout_s=settings.serving.probe_timeout_s)
    return {
        "pipeline": PipelineService(
            PipelineRepository(platform.database), sources, settings.market.calendar, platform.clock
        )
    }


ROOM = Room(
    routers=(router,),
    make=make,
    tags=(("pipeline", "How the pipelines stand."),),
)
