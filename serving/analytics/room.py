"""Analytics as a room of the API."""

from serving.analytics.delta import Lake
from serving.analytics.endpoints import router
from serving.analytics.service import AnalyticsService, TableEmpty
from serving.kit.rooms import Platform, Room
from serving.portfolios.repository import PORTFOLIOS, PortfolioRepository
from serving.risk.repository import RiskRepository


def make(platform: Platform) -> dict[str, object]:
    """The service of analytics."""
    lake = Lake(platform.settings.s3, timeout_s=platform.settings.serving.query_timeout_s)
    portfolios = PortfolioRepository(platform.database, PORTFOLIOS)
    return {"analytics": AnalyticsService(RiskRepository(platform.marts), portfolios, lake)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(TableEmpty,),
    tags=(("analytics", "Reports on what the lake and its marts hold."),),
)
