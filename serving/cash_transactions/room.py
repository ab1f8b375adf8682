"""Cash transactions as a room of the API."""

from serving.cash_transactions.endpoints import TAG, conversions, router, rows
from serving.cash_transactions.service import CashTransactionService, ConversionService, NoPortfolio
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The services of cash transactions and of conversions."""
    return {
        "cash_transactions": CashTransactionService(platform.database, platform.idempotency, platform.clock),
        "conversions": ConversionService(platform.idempotency, platform.clock),
    }


ROOM = Room(
    routers=(router, rows, conversions),
    make=make,
    tags=((TAG, "Deposits, withdrawals, interest, fees, taxes, conversions: the transactions that move money alone."),),
    refusals=(NoPortfolio,),
    guidance={
        "/api/v1/cash-transactions": "What was booked keeps its amount: DELETE reverses it, POST books the right one."
    },
)
