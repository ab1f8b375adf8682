"""Valuations as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.valuations.endpoints import TAG, router
from serving.valuations.repository import ValuationRepository
from serving.valuations.service import SpanRefused, ValuationService

ADVICE = "Valuations are computed from the books: POST /api/v1/valuations/compute makes them for a span of days."


def make(platform: Platform) -> dict[str, object]:
    """The service of valuations."""
    return {"valuations": ValuationService(ValuationRepository(platform.database), platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(SpanRefused,),
    tags=((TAG, "What a portfolio was worth at the close of past days: computed, never written."),),
    guidance={"/api/v1/valuations": ADVICE},
)
