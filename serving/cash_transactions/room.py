"""Cash transactions as a room of the API."""

from serving.cash_transactions.endpoints import TAG, router, rows
from serving.cash_transactions.service import CashTransactionService
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of cash transactions."""
    return {"cash_transactions": CashTransactionService(platform.database, platform.idempotency, platform.clock)}


ROOM = Room(
    routers=(router, rows),
    make=make,
    tags=((TAG, "Deposits, withdrawals, interest, fees and taxes: the transactions that move money alone."),),
    guidance={
        "/api/v1/cash-transactions": "What was booked keeps its amount: DELETE reverses it, POST books the right one."
    },
)
