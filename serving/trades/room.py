"""Trades as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.trades.endpoints import PREFIX, TAG, listing, router
from serving.trades.service import TradeNotFound, TradeService


def make(platform: Platform) -> dict[str, object]:
    """The service of executions; orders are the orders' room's."""
    return {"trades": TradeService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router, listing),
    make=make,
    refusals=(TradeNotFound,),
    guidance={
        PREFIX: "A trade is booked and stays: change its order by PATCH /api/v1/orders/ID, end it by DELETE, or trade "
        "the other way."
    },
    tags=((TAG, "Orders in the short form, and the executions that they led to."),),
)
