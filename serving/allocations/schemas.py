"""What an allocation looks like on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from lakehouse.construction.proposal import ProposalStatus
from lakehouse.construction.regime import Regime
from lakehouse.stores.allocations import AllocationStatus


class AllocationOut(BaseModel):
    """Whether weights were computed for a portfolio since they were last asked for, and what came of it."""

    portfolio_id: UUID
    status: AllocationStatus = Field(description="pending, then ready or failed")
    reason: str = Field(description="why it failed, and what to do; empty otherwise")
    asked_at: datetime = Field(description="when weights were last asked for")
    done_at: datetime | None = Field(description="when it was ready or failed; null while pending")
    proposal_id: UUID | None = Field(
        description="GET /api/v1/proposals/{proposal_id} has the trades; null unless ready"
    )
    proposal_status: ProposalStatus | None = Field(description="proposed has trades; the others keep what is held")
    regime: Regime | None = Field(description="regime of the market that the weights are for; null unless ready")
    regime_source: str | None = Field(description="rule or model that told it; null unless ready")
