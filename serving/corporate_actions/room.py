"""Corporate actions as a room of the API."""

from serving.corporate_actions.endpoints import TAG, router
from serving.corporate_actions.repository import ActionRepository
from serving.corporate_actions.service import ActionService
from serving.kit.rooms import Platform, Room

ADVICE = "Corporate actions are applied and reversed by an operator, for all holders: `tidemark actions --help`."


def make(platform: Platform) -> dict[str, object]:
    """The service of corporate actions."""
    return {"corporate_actions": ActionService(ActionRepository(platform.database))}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "Splits, spin-offs and dividends that prices and books follow."),),
    guidance={"/api/v1/corporate-actions": ADVICE},
)
