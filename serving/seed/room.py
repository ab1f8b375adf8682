"""Seeds as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.seed.endpoints import router
from serving.seed.service import SeedPortfolios, SeedRefused, SeedService


def make(platform: Platform) -> dict[str, object]:
    """The service of seeds."""
    portfolios = SeedPortfolios(platform.database, platform.clock)
    return {"seed": SeedService(portfolios, platform.clock), "seed_idempotency": platform.idempotency}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(SeedRefused,),
    tags=(("seed", "A whole portfolio from one document."),),
)
