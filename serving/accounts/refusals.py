"""What a refusal of the books means to a caller; every room that books uses it."""

from pydantic import BaseModel, Field

from lakehouse.stores.books.booking import BookingRefused
from serving.kit.constraints import InsufficientHoldings
from serving.kit.crud.service import NotFound
from serving.kit.problems import ApiError


class Rule(BaseModel):
    """Extension of the problem: the rule that refused."""

    rule: str = Field(description="stable name of the rule")


class NotBooked(ApiError):
    """The books refuse the transaction; `rule` names the rule, and the detail says what to do."""

    status = 409
    code = "not_booked"
    title = "The books refuse this"


def refusal_of_booking(refused: BookingRefused) -> ApiError:
    """The ApiError that a refused booking is answered with."""
    if refused.rule == "not_found":
        return NotFound(refused.detail)
    kind = InsufficientHoldings if refused.rule == "sells_more_than_held" else NotBooked
    return kind(refused.detail, extension=Rule(rule=refused.rule))
