"""Whose a portfolio is, for rooms that hang something on one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction

MINE: Final[LiteralString] = """
    SELECT p.id FROM app.portfolio AS p WHERE p.id = ANY (%(ids)s) AND p.owner_id = %(owner)s FOR KEY SHARE
"""


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def own_portfolios(connection: Transaction, owner: UUID, portfolios: Iterable[UUID]) -> frozenset[UUID]:
    """Those of `portfolios` that the owner has; they stay until the transaction ends."""
    found = await postgres.rows_of(connection, MINE, {"ids": list(portfolios), "owner": owner}, _Id)
    return frozenset(row.id for row in found)
