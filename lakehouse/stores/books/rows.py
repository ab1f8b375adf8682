"""Rows of transactions as the books read and write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from lakehouse.portfolio.fold import Fact
from lakehouse.portfolio.transactions import FOLDING, Draft, Entry, Kind, LotPick, Purpose, settlement_date, to_units
from lakehouse.stores.postgres import Transaction, rows_of

FOLDING_KINDS: Final = sorted(FOLDING)

COPY_TRANSACTIONS: Final[LiteralString] = """
    COPY app.transaction (
        id, portfolio_id, account_id, kind, symbol, quantity, price, currency, gross_minor, cash_minor, fee_minor,
        tax_minor, fx_rate, ratio, related_symbol, cost_share, lots, occurred_at, settles_on, external_id, source,
        fill_id, import_id, note, created_at, to_currency, to_minor
    ) FROM STDIN
"""
FACTS: Final[LiteralString] = """
    SELECT t.id, t.kind, t.symbol, t.occurred_at, t.currency, t.quantity, t.gross_minor, t.fee_minor, t.tax_minor,
           t.ratio, t.related_symbol, t.cost_share, t.lots
    FROM app.transaction AS t
    WHERE t.portfolio_id = %(portfolio_id)s AND t.reversed_at IS NULL AND t.kind = ANY(%(kinds)s)
      AND (%(symbols)s::text[] IS NULL OR t.symbol = ANY(%(symbols)s))
"""


@dataclass(frozen=True, slots=True)
class Booked:
    """A draft with its id, its amounts and, where it changes lots, what the fold sees of it."""

    id: UUID
    draft: Draft
    gross_minor: int
    lines: tuple[Entry, ...]
    fact: Fact | None

    @property
    def cash_minor(self) -> int:
        """The effect on cash of the draft's own currency."""
        own = self.draft.currency
        return next(
            (each.amount_minor for each in self.lines if each.purpose is Purpose.CASH and each.currency == own), 0
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    id: UUID
    kind: str
    symbol: str
    occurred_at: datetime
    currency: str
    quantity: Decimal | None
    gross_minor: int
    fee_minor: int
    tax_minor: int
    ratio: Decimal | None
    related_symbol: str | None
    cost_share: Decimal | None
    lots: list[dict[str, str]] | None


async def write_transactions(
    connection: Transaction, portfolio_id: UUID, account_id: UUID, booked: Sequence[Booked], now: datetime
) -> None:
    """Write the transactions by one COPY."""
    async with connection.cursor() as cursor, cursor.copy(COPY_TRANSACTIONS) as copy:
        for each in booked:
            await copy.write_row(_row(each, portfolio_id, account_id, now))


async def facts(connection: Transaction, portfolio_id: UUID, symbols: Sequence[str] | None) -> list[Fact]:
    """What the fold needs of the transactions of these symbols, or of all, that have not been reversed."""
    names = {"portfolio_id": portfolio_id, "kinds": FOLDING_KINDS, "symbols": symbols}
    return [_fact(row) for row in await rows_of(connection, FACTS, names, _Stored)]


def _row(each: Booked, portfolio_id: UUID, account_id: UUID, now: datetime) -> tuple[object, ...]:
    draft = each.draft
    return (
        each.id,
        portfolio_id,
        account_id,
        draft.kind.value,
        draft.symbol,
        draft.quantity,
        draft.price,
        draft.currency,
        each.gross_minor,
        each.cash_minor,
        draft.fee_minor,
        draft.tax_minor,
        draft.fx_rate,
        draft.ratio,
        draft.related_symbol,
        draft.cost_share,
        Jsonb([{"lot_id": str(pick.lot_id), "quantity": f"{pick.quantity:f}"} for pick in draft.lots])
        if draft.lots
        else None,
        draft.occurred_at,
        settlement_date(draft),
        draft.external_id,
        draft.source,
        draft.fill_id,
        draft.import_id,
        draft.note,
        now,
        draft.to_currency,
        draft.to_minor,
    )


def _fact(row: _Stored) -> Fact:
    kind = Kind(row.kind)
    charges = row.fee_minor + row.tax_minor
    return Fact(
        id=row.id,
        kind=kind,
        symbol=row.symbol,
        occurred_at=row.occurred_at,
        currency=row.currency,
        units=0 if row.quantity is None else to_units(row.quantity),
        total_minor=row.gross_minor - charges if kind is Kind.SELL else row.gross_minor + charges,
        ratio=row.ratio,
        related_symbol=row.related_symbol,
        cost_share=row.cost_share,
        lots=tuple(LotPick(UUID(pick["lot_id"]), Decimal(pick["quantity"])) for pick in row.lots or ()),
    )
