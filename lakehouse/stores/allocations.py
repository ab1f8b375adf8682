"""Who waits for weights: noted in the transaction that makes a portfolio or objective, so that none is forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.postgres import Transaction

CALLED_AGAIN: Final = timedelta(minutes=10)
"""The scheduler is told again of what still waits so long after it was told."""

ASK: Final[LiteralString] = """
    INSERT INTO app.allocation AS a (portfolio_id, status, reason, asked_at)
    SELECT asked.id, 'pending', '', %(now)s FROM unnest(%(ids)s::uuid[]) AS asked (id) ORDER BY asked.id
    ON CONFLICT (portfolio_id) DO UPDATE SET
        status = 'pending', reason = '', asked_at = excluded.asked_at, called_at = NULL, done_at = NULL,
        proposal_id = NULL
"""
UNCALLED: Final[LiteralString] = """
    SELECT EXISTS (
        SELECT FROM app.allocation AS a
        WHERE a.status = 'pending' AND (a.called_at IS NULL OR a.called_at < %(before)s)
    )
"""
CALLED: Final[LiteralString] = """
    UPDATE app.allocation SET called_at = %(now)s
    WHERE status = 'pending' AND asked_at <= %(now)s AND (called_at IS NULL OR called_at < %(before)s)
"""


class AllocationStatus(StrEnum):
    """Whether weights were computed since they were last asked for."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


async def ask(connection: Transaction, portfolios: Sequence[UUID], *, now: datetime) -> None:
    """Note that these portfolios wait for weights, whatever they had before."""
    if portfolios:
        await connection.execute(ASK, {"ids": list(portfolios), "now": now})


async def is_uncalled(connection: Transaction, *, now: datetime) -> bool:
    """Whether some portfolio waits that the scheduler was not told of, or long ago."""
    found = await (await connection.execute(UNCALLED, {"before": now - CALLED_AGAIN})).fetchone()
    return bool(found and found[0])


async def mark_called(connection: Transaction, *, now: datetime) -> None:
    """Note that the scheduler was told of all that waited at `now`."""
    await connection.execute(CALLED, {"now": now, "before": now - CALLED_AGAIN})
