"""Customers as a room of the API."""

from serving.customers.endpoints import TAG, router
from serving.customers.service import CustomerService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of customers."""
    return {"customers": CustomerService(platform.database, platform.clock)}


ROOM = Room(routers=(router,), make=make, tags=((TAG, "People whom you serve, with the score of the identity check."),))
