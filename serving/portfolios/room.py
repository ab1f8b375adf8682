"""Portfolios as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.portfolios.endpoints import router
from serving.portfolios.repository import PortfolioRepository
from serving.portfolios.service import PortfolioNotFound, PortfolioService


def make(platform: Platform) -> dict[str, object]:
    """The service of portfolios."""
    return {"portfolios": PortfolioService(PortfolioRepository(platform.database))}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(PortfolioNotFound,),
    tags=(("portfolios", "What is held, from PostgreSQL, the truth of positions."),),
)
