"""Holdings as a room of the API."""

from serving.holdings.endpoints import TAG, router
from serving.holdings.repository import HoldingRepository
from serving.holdings.service import HoldingService, ReconciliationService
from serving.kit.rooms import Platform, Room
from serving.portfolios.service import PortfolioService


def make(platform: Platform) -> dict[str, object]:
    """The services of holdings and of their recount."""
    portfolios = PortfolioService(platform.database, platform.clock)
    service = HoldingService(
        HoldingRepository(platform.database),
        portfolios,
        clock=platform.clock,
        stale_after_s=platform.settings.market.quote_stale_after_s,
    )
    reconciliation = ReconciliationService(platform.database, portfolios, platform.clock)
    return {"holdings": service, "reconciliation": reconciliation}


ROOM = Room(
    routers=(router,),
    make=make,
    tags=((TAG, "Positions with their lots, cost and value."),),
    guidance={
        "/api/v1/portfolios/{portfolio_id}/holdings": "Holdings are computed: book a transaction "
        "(POST /api/v1/transactions) or place an order (POST /api/v1/orders)."
    },
)
