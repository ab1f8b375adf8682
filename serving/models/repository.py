"""Reads about models: MLflow's registry in threads, decisions and closes in PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, LiteralString, TypeVar

from anyio import CapacityLimiter, to_thread

from lakehouse.settings import MlflowSettings
from ml.inference.models import Models
from serving.kit.database import Database

THREADS: Final = 2
DECISIONS: Final[LiteralString] = """
    SELECT DISTINCT ON (p.model) p.model, p.kind, p.from_version, p.to_version, p.approver, p.reason, p.decided_at
    FROM ops.model_promotion AS p ORDER BY p.model, p.seq DESC
"""
CLOSES: Final[LiteralString] = """
    SELECT c.business_date, c.close FROM (
        SELECT (b.starts_at AT TIME ZONE 'UTC')::date AS business_date, b.close
        FROM market.bar AS b WHERE b.symbol = %(symbol)s AND b.interval = '1d'
        ORDER BY b.starts_at DESC LIMIT %(limit)s
    ) AS c ORDER BY c.business_date
"""
INSTRUMENT: Final[LiteralString] = "SELECT i.symbol FROM app.instrument AS i WHERE i.symbol = %(symbol)s"

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """The newest decision about a model."""

    model: str
    kind: str
    from_version: int | None
    to_version: int
    approver: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class CloseRow:
    """A day's close."""

    business_date: date
    close: Decimal


@dataclass(frozen=True, slots=True)
class _Symbol:
    symbol: str


class ModelRepository:
    """`ask` runs blocking work on the registry in a thread, two at a time, so that a slow MLflow stops nothing else."""

    def __init__(self, database: Database, section: MlflowSettings, cache: Path, *, timeout_s: float) -> None:
        self._database = database
        self._models = Models(section, cache, timeout_s=timeout_s)
        self._limiter = CapacityLimiter(THREADS)

    async def ask(self, work: Callable[[Models], Found]) -> Found:
        """What `work` returns of the registry. Raises what it raises."""
        return await to_thread.run_sync(lambda: work(self._models), limiter=self._limiter)

    async def decisions(self) -> dict[str, DecisionRow]:
        """The newest decision about each model. Raises PostgresUnavailable."""
        return {row.model: row for row in await self._database.fetch(DECISIONS, {}, DecisionRow)}

    async def closes(self, symbol: str, limit: int) -> list[CloseRow] | None:
        """The newest daily closes, oldest first; None where no instrument has the symbol. May raise
        PostgresUnavailable."""
        rows = await self._database.fetch(CLOSES, {"symbol": symbol, "limit": limit}, CloseRow)
        if not rows and await self._database.find(INSTRUMENT, {"symbol": symbol}, _Symbol) is None:
            return None
        return rows

    def close(self) -> None:
        """Close the connections to MLflow."""
        self._models.close()
