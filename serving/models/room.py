"""Models and forecasts as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.kit.rooms import Platform, Room, Services, service
from serving.models.endpoints import TAG, router
from serving.models.repository import ModelRepository
from serving.models.service import HistoryTooShort, InstrumentNotFound, ModelNotFound, ModelRefused, ModelService

ADVICE = "Models are trained and promoted by the DAG models_weekly and by `tidemark model`; this API reads them."


def make(platform: Platform) -> dict[str, object]:
    """The service of models."""
    settings = platform.settings
    repository = ModelRepository(
        platform.database, settings.mlflow, settings.home / "models", timeout_s=settings.serving.probe_timeout_s
    )
    return {"models": ModelService(repository, platform.clock), "model_repository": repository}


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """Closes the connections to MLflow when the API stops."""
    try:
        yield
    finally:
        service(services, "model_repository", ModelRepository).close()


ROOM = Room(
    routers=(router,),
    make=make,
    run=run,
    refusals=(ModelNotFound, InstrumentNotFound, ModelRefused, HistoryTooShort),
    tags=((TAG, "Registered models, and forecasts by the one in use."),),
    guidance={"/api/v1/models": ADVICE},
)
