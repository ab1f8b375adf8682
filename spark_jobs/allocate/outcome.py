"""What came of the portfolios that waited, in one transaction with their proposals."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from lakehouse.construction.policy import Frequency
from lakehouse.construction.proposal import ProposalStatus
from lakehouse.construction.schedule import next_due
from spark_jobs.allocate.waiting import Waiting
from spark_jobs.deliver_proposals.writing import Due, Rows, Writing

# The policy's row is locked before the portfolio's proposals are looked at, as where proposals are delivered.
LOCK: Final[LiteralString] = """
    SELECT r.portfolio_id FROM app.rebalance_policy AS r WHERE r.portfolio_id = %s FOR UPDATE
"""
# Whoever asked again meanwhile goes on waiting: their books or limits may be others by now.
TELL: Final[LiteralString] = """
    INSERT INTO app.allocation AS a (portfolio_id, status, reason, asked_at, done_at, proposal_id)
    SELECT p.id, %(status)s, %(reason)s, %(now)s, %(now)s, %(proposal)s FROM app.portfolio AS p WHERE p.id = %(id)s
    ON CONFLICT (portfolio_id) DO UPDATE SET
        status = excluded.status, reason = excluded.reason, done_at = excluded.done_at,
        proposal_id = excluded.proposal_id
    WHERE a.asked_at IS NOT DISTINCT FROM %(asked_at)s
"""
OBJECTIVE_ON: Final[LiteralString] = """
    UPDATE app.objective SET rebalances_on = %(next)s, version = version + 1, updated_at = %(now)s
    WHERE portfolio_id = %(id)s AND rebalances_on = %(before)s
"""
NO_WEIGHTS: Final = frozenset({ProposalStatus.REFUSED, ProposalStatus.KEPT})
MEANWHILE: Final = "its proposal of this close has become orders: ask again when there is a newer close"


class Telling:
    """Writes proposals and outcomes through `writing`."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    def failed(self, waiting: Waiting, reason: str) -> None:
        """No weights, and why."""
        self._tell(waiting, "failed", reason, None)

    def proposed(self, waiting: Waiting, row: dict[str, Any], trades: Rows) -> None:
        """A row of gold.rebalance_proposals_v1 and its trades; one without weights is a failure with its reasons."""
        writing = self._writing
        writing.connection.execute(LOCK, (waiting.portfolio_id,))
        proposal = writing.put(row, trades)
        if proposal is None:
            self.failed(waiting, MEANWHILE)
            return
        self._move_on(waiting)
        if ProposalStatus(row["status"]) in NO_WEIGHTS:
            self.failed(waiting, "; ".join(json.loads(row["reasons"])) or row["status"])
        else:
            self._tell(waiting, "ready", "", proposal)

    def _move_on(self, waiting: Waiting) -> None:
        day = self._writing.day
        if waiting.anchor_on is not None and waiting.next_on is not None and waiting.frequency is not None:
            due = Due(waiting.anchor_on, waiting.frequency, waiting.next_on)
            self._writing.move_on(str(waiting.portfolio_id), due)
        elif waiting.rebalances_on is not None and waiting.rebalances_on <= day:
            usual = Frequency(str(waiting.rebalancing_frequency))
            moved = next_due(waiting.rebalances_on, day, usual, self._writing.exchange)
            told = {"next": moved, "before": waiting.rebalances_on, "id": waiting.portfolio_id, "now": self._now}
            self._writing.connection.execute(OBJECTIVE_ON, told)

    def _tell(self, waiting: Waiting, status: str, reason: str, proposal: UUID | None) -> None:
        told: Mapping[str, object] = {
            "id": waiting.portfolio_id,
            "status": status,
            "reason": reason,
            "asked_at": waiting.asked_at,
            "proposal": proposal,
            "now": self._now,
        }
        self._writing.connection.execute(TELL, told)

    @property
    def _now(self) -> datetime:
        return self._writing.now
