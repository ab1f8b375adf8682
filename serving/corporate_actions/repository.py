"""All SQL about corporate actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from serving.kit.database import Database

PAGE: Final[LiteralString] = """
    SELECT a.id, a.symbol, a.kind, a.ex_date, a.ratio, a.related_symbol, a.cost_share, a.amount, a.currency,
           a.adjusts_prices, a.source, a.applied_at, a.reversed_at
    FROM app.corporate_action AS a
    WHERE (%(after)s::uuid IS NULL OR a.id < %(after)s)
      AND (%(symbol)s::text IS NULL OR a.symbol = %(symbol)s)
      AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
      AND (%(date_from)s::date IS NULL OR a.ex_date >= %(date_from)s)
      AND (%(date_to)s::date IS NULL OR a.ex_date <= %(date_to)s)
      AND (%(include_reversed)s OR a.reversed_at IS NULL)
    ORDER BY a.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action as it is stored."""

    id: UUID
    symbol: str
    kind: str
    ex_date: date
    ratio: Decimal | None
    related_symbol: str | None
    cost_share: Decimal | None
    amount: Decimal | None
    currency: str | None
    adjusts_prices: bool
    source: str
    applied_at: datetime
    reversed_at: datetime | None


class ActionRepository:
    """Reads of actions. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, filters: Mapping[str, object], *, after: UUID | None, limit: int) -> list[ActionRow]:
        """Actions after `after`, the one applied last first."""
        return await self._database.fetch(PAGE, {**filters, "after": after, "limit": limit}, ActionRow)
