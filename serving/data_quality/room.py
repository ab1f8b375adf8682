"""What was found in data, as a room of the API."""

from serving.data_quality.endpoints import TAG, router
from serving.data_quality.repository import FindingRepository
from serving.data_quality.service import FindingService
from serving.kit.rooms import Platform, Room

ADVICE = "Findings are recorded by the jobs that audit their outputs, and by quality_daily: correct the data instead."


def make(platform: Platform) -> dict[str, object]:
    """The service of findings."""
    return {"data_quality": FindingService(FindingRepository(platform.database))}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "What checks of tables and scans of market data have found."),),
    guidance={"/api/v1/data-quality": ADVICE},
)
