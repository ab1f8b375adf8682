"""Risk as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.portfolios.repository import PortfolioRepository
from serving.portfolios.service import PortfolioService
from serving.risk.endpoints import router
from serving.risk.repository import RiskRepository
from serving.risk.service import EmptyDateRange, RiskNotPublished, RiskService


def make(platform: Platform) -> dict[str, object]:
    """The service of published risk."""
    portfolios = PortfolioService(PortfolioRepository(platform.database))
    return {"risk": RiskService(RiskRepository(platform.marts), portfolios)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(EmptyDateRange, RiskNotPublished),
    tags=(("risk", "VaR and expected shortfall that a batch run has published."),),
)
