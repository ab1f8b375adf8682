"""Portfolios as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.portfolios.endpoints import TAG, router, rows
from serving.portfolios.service import AccountUnsuitable, PortfolioInUse, PortfolioNotFound, PortfolioService


def make(platform: Platform) -> dict[str, object]:
    """The service of portfolios."""
    return {"portfolios": PortfolioService(platform.database, platform.clock)}


ROOM = Room(
    routers=(rows, router),
    make=make,
    refusals=(PortfolioNotFound, PortfolioInUse, AccountUnsuitable),
    tags=((TAG, "What is held, from PostgreSQL, the truth of positions."),),
)
