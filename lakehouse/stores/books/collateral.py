"""What open short sales keep back of their account's cash (`app.short_sale`), lifted and laid around a booking.

It follows from the lots alone, so a booking that may change lots lifts all of it, moves the money and the lots, and
lays it again: nobody sees between, since the account is locked.
"""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.errors import TidemarkError
from lakehouse.stores.books import ledger
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.trading.reservation import SHORT_COLLATERAL, written

KEPT: Final[LiteralString] = """
    SELECT s.currency, s.minor, coalesce(l.balance_minor - l.reserved_minor, 0) AS free_minor
    FROM (
        SELECT x.currency, sum(x.collateral_minor)::bigint AS minor
        FROM app.short_sale AS x WHERE x.portfolio_id = %(portfolio_id)s GROUP BY x.currency
    ) AS s
    LEFT JOIN ledger.account AS l
        ON l.account_id = %(account_id)s AND l.purpose = 'cash' AND l.currency = s.currency
    ORDER BY s.currency
"""


class CollateralMissing(TidemarkError):
    """The account lacks cash for what is sold short; nothing may be committed."""

    rule = "short_collateral"

    def __init__(self, kept: "_Kept") -> None:
        super().__init__(
            f"What is sold short keeps back {written(kept.minor, kept.currency)}, {SHORT_COLLATERAL:.0%} of what the "
            f"sale brought, and {written(kept.free_minor, kept.currency)} is free: deposit first, or sell less short."
        )


@dataclass(frozen=True, slots=True)
class _Kept:
    currency: str
    minor: int
    free_minor: int


async def lift(connection: Transaction, *, account_id: UUID, portfolio_id: UUID) -> None:
    """Free what the portfolio's short sales keep back, until `lay`."""
    for kept in await _kept(connection, account_id, portfolio_id):
        await ledger.reserve_cash(connection, account_id=account_id, currency=kept.currency, delta_minor=-kept.minor)


async def lay(connection: Transaction, *, account_id: UUID, portfolio_id: UUID) -> None:
    """Keep back what the portfolio's short sales are by now. Raises CollateralMissing."""
    for kept in await _kept(connection, account_id, portfolio_id):
        if kept.minor > kept.free_minor:
            raise CollateralMissing(kept)
        await ledger.reserve_cash(connection, account_id=account_id, currency=kept.currency, delta_minor=kept.minor)


async def _kept(connection: Transaction, account_id: UUID, portfolio_id: UUID) -> list[_Kept]:
    names = {"account_id": account_id, "portfolio_id": portfolio_id}
    return await rows_of(connection, KEPT, names, _Kept)
