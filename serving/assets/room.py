"""Assets as a room of the API."""

from serving.assets.endpoints import TAG, router
from serving.assets.repository import AssetRepository
from serving.assets.service import AssetNotFound, AssetService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of assets."""
    return {"assets": AssetService(AssetRepository(platform.database))}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(AssetNotFound,),
    tags=((TAG, "What you hold, added up over portfolios; computed from the books."),),
    guidance={
        "/api/v1/assets": "Assets are computed: book a transaction (POST /api/v1/transactions) or place an order "
        "(POST /api/v1/orders) to change what you hold."
    },
)
