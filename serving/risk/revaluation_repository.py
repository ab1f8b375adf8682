"""What positions are revalued by: instruments, and the terms of options and bonds."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, LiteralString

from serving.kit.database import Database
from serving.risk.revaluation_lines import Bond, Option

INSTRUMENTS: Final[LiteralString] = """
    SELECT i.symbol, i.kind, i.currency, i.multiplier FROM app.instrument AS i WHERE i.symbol = ANY(%(symbols)s)
"""
OPTIONS: Final[LiteralString] = """
    SELECT o.symbol, o.underlying, o.option_right, o.style, o.strike, o.expires_on
    FROM app.option_contract AS o WHERE o.symbol = ANY(%(symbols)s)
"""
BONDS: Final[LiteralString] = """
    SELECT b.symbol, b.face_value, b.coupon_rate, b.coupons_per_year, b.day_count, b.issued_on, b.matures_on
    FROM app.bond AS b WHERE b.symbol = ANY(%(symbols)s)
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument; `multiplier` is how many units of its price one of it is."""

    symbol: str
    kind: str
    currency: str
    multiplier: Decimal


class TermsRepository:
    """Reads of what everybody may read. Methods raise PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def instruments(self, symbols: Iterable[str]) -> dict[str, Listed]:
        """Those of `symbols` that exist."""
        rows = await self._database.fetch(INSTRUMENTS, {"symbols": sorted(symbols)}, Listed)
        return {row.symbol: row for row in rows}

    async def options(self, symbols: Iterable[str]) -> dict[str, Option]:
        """Terms of those that have terms of an option."""
        rows = await self._database.fetch(OPTIONS, {"symbols": sorted(symbols)}, Option)
        return {row.symbol: row for row in rows}

    async def bonds(self, symbols: Iterable[str]) -> dict[str, Bond]:
        """Terms of those that have terms of a bond."""
        rows = await self._database.fetch(BONDS, {"symbols": sorted(symbols)}, Bond)
        return {row.symbol: row for row in rows}
