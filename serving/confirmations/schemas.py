"""What a confirmation looks like on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.trading.order import Side, Status
from serving.kit.types import Flag, Omittable, Quantity, number_only

Line = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(number_only)]


class ConfirmIn(BaseModel):
    """What to do with a proposal."""

    model_config = ConfigDict(extra="forbid")

    lines: Omittable[Annotated[list[Line], Field(min_length=1, max_length=1000)]] = Field(
        None, description="places of the trades in the proposal, from 0; left out, all that have no order yet"
    )
    dry_run: Flag = Field(False, description="judge every order by the pre-trade rules, and place none")


class PlacedOut(BaseModel):
    """A trade that is an order now, or would be."""

    line: int = Field(description="place of the trade in the proposal, from 0")
    symbol: str
    side: Side
    quantity: Quantity
    order_id: UUID | None = Field(description="GET /api/v1/orders/{order_id}; null in a dry run")
    order_status: Status | None = Field(description="as it was when the order was placed; null in a dry run")


class WaitingOut(BaseModel):
    """A purchase that the free cash does not cover before the proposal's sales are filled."""

    line: int = Field(description="place of the trade in the proposal, from 0")
    symbol: str
    rule: str = Field(description="pre-trade rule that it does not pass yet", examples=["buying_power"])
    detail: str = Field(description="what is missing")


class ConfirmationOut(BaseModel):
    """What became of a proposal's trades."""

    proposal_id: UUID
    dry_run: bool
    placed: list[PlacedOut] = Field(description="in the order of the proposal, those of earlier confirmations included")
    waiting: list[WaitingOut] = Field(description="confirm again when the sales are filled")


class RefusedLine(BaseModel):
    """A trade that a pre-trade rule does not let pass."""

    line: int
    symbol: str
    rule: str
    detail: str


class Refusals(BaseModel):
    """Every trade that was refused."""

    refused: list[RefusedLine]
