"""Transactions as a room of the API."""

from serving.kit.rooms import Platform, Room
from serving.transactions.endpoints import TAG, router, rows
from serving.transactions.service import TransactionService


def make(platform: Platform) -> dict[str, object]:
    """The service of transactions."""
    return {"transactions": TransactionService(platform.database, platform.idempotency, platform.clock)}


ROOM = Room(
    routers=(router, rows),
    make=make,
    tags=((TAG, "What happened in a portfolio: cash, lots and positions follow from it. Never changed, reversed."),),
    guidance={
        "/api/v1/transactions": "A booked transaction keeps its numbers: DELETE reverses it, POST books the right one."
    },
)
