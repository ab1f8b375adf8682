"""All SQL about valuations that were kept."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores.books.valuations import Valued
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.database import Database, find_in

READABLE: Final[LiteralString] = """
    SELECT t.id, t.portfolio_id, t.business_date, t.currency, t.value_minor, t.cash_minor, t.net_flow_minor,
           t.reasons, t.computed_at
    FROM app.valuation AS t WHERE (%(reads_all)s OR t.owner_id = %(reader)s)
"""
ONE: Final[LiteralString] = READABLE + " AND t.id = %(id)s"
LAST: Final[LiteralString] = (
    READABLE + " AND t.portfolio_id = %(portfolio_id)s ORDER BY t.business_date DESC, t.id DESC LIMIT 1"
)
PAGE: Final[LiteralString] = (
    READABLE
    + """
      AND (%(after)s::uuid IS NULL OR t.id > %(after)s)
      AND (%(portfolio_id)s::uuid IS NULL OR t.portfolio_id = %(portfolio_id)s)
      AND (%(date_from)s::date IS NULL OR t.business_date >= %(date_from)s)
      AND (%(date_to)s::date IS NULL OR t.business_date <= %(date_to)s)
    ORDER BY t.id LIMIT %(limit)s
"""
)
OWN: Final[LiteralString] = """
    SELECT p.id, p.owner_id, p.base_currency FROM app.portfolio AS p WHERE p.id = %(id)s AND p.owner_id = %(owner_id)s
"""
LOCK_OWN: Final[LiteralString] = OWN + " FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class ValuationRow:
    """A valuation as it is stored."""

    id: UUID
    portfolio_id: UUID
    business_date: date
    currency: str
    value_minor: int | None
    cash_minor: int | None
    net_flow_minor: int | None
    reasons: list[dict[str, object]]
    computed_at: datetime


class ValuationRepository:
    """Reads of app.valuation. Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def find(self, principal: Principal, valuation_id: UUID) -> ValuationRow | None:
        """The readable valuation, or None."""
        return await self.database.find(ONE, {**principal.reader, "id": valuation_id}, ValuationRow)

    async def page(
        self, principal: Principal, filters: dict[str, object], *, after: UUID | None, limit: int
    ) -> list[ValuationRow]:
        """Up to `limit` readable valuations by id; `filters` name portfolio_id, date_from and date_to."""
        return await self.database.fetch(
            PAGE, {**principal.reader, **filters, "after": after, "limit": limit}, ValuationRow
        )

    async def own(self, portfolio_id: UUID, owner_id: UUID) -> Valued | None:
        """The portfolio, if it is the owner's."""
        return await self.database.find(OWN, {"id": portfolio_id, "owner_id": owner_id}, Valued)

    async def still_own(self, connection: Transaction, portfolio: Valued) -> bool:
        """Whether it is there still; then it stays until the transaction ends."""
        names = {"id": portfolio.id, "owner_id": portfolio.owner_id}
        return await find_in(connection, LOCK_OWN, names, Valued) is not None

    async def newest(self, connection: Transaction, principal: Principal, portfolio_id: UUID) -> ValuationRow | None:
        """The valuation of the last day."""
        return await find_in(connection, LAST, {**principal.reader, "portfolio_id": portfolio_id}, ValuationRow)
