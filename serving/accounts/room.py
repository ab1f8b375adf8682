"""Accounts as a room of the API."""

from serving.accounts.endpoints import TAG, router
from serving.accounts.refusals import NotBooked
from serving.accounts.service import AccountHasHistory, AccountNotEmpty, AccountService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of accounts."""
    return {"accounts": AccountService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(AccountHasHistory, AccountNotEmpty, NotBooked),
    tags=((TAG, "Money by currency, and the rules by which lots are closed; balances move by transactions alone."),),
)
