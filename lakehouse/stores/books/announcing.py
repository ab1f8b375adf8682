"""Events of the books: `transaction.booked` and `transaction.reversed` on `portfolio.events`.

A booking of up to EACH transactions announces each of them; a larger one, an import, announces itself once, with how
many it booked and of which symbols: who wants the rows asks the API for those of its `import_id`.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import from_minor
from lakehouse.domain.ids import uuid7
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.books.rows import Booked
from lakehouse.stores.postgres import Transaction

TOPIC: Final = "portfolio.events"
BOOKED: Final = "transaction.booked"
REVERSED: Final = "transaction.reversed"
EACH: Final = 100


async def booked(
    connection: Transaction, portfolio_id: UUID, owner_id: UUID, found: Sequence[Booked], clock: Clock
) -> None:
    """Announce a booking."""
    payloads = [_summary(portfolio_id, found)] if len(found) > EACH else [_one(portfolio_id, each) for each in found]
    await emit(connection, *(_event(BOOKED, portfolio_id, owner_id, payload, clock) for payload in payloads))


async def reversed_one(
    connection: Transaction, portfolio_id: UUID, owner_id: UUID, transaction_id: UUID, clock: Clock
) -> None:
    """Announce a reversal."""
    payload: dict[str, object] = {"portfolio_id": str(portfolio_id), "transaction_id": str(transaction_id)}
    await emit(connection, _event(REVERSED, portfolio_id, owner_id, payload, clock))


def _event(kind: str, portfolio_id: UUID, owner_id: UUID, payload: dict[str, object], clock: Clock) -> Event:
    return Event(
        event_id=uuid7(clock),
        topic=TOPIC,
        key=str(portfolio_id),
        type=kind,
        owner_id=owner_id,
        payload=payload,
        occurred_at=clock.now(),
    )


def _one(portfolio_id: UUID, each: Booked) -> dict[str, object]:
    draft = each.draft
    return {
        "portfolio_id": str(portfolio_id),
        "transaction_id": str(each.id),
        "kind": draft.kind.value,
        "symbol": draft.symbol,
        "quantity": None if draft.quantity is None else f"{draft.quantity:f}",
        "price": None if draft.price is None else f"{draft.price:f}",
        "currency": draft.currency,
        "cash": f"{from_minor(each.cash_minor, draft.currency):f}",
        "to_currency": draft.to_currency,
        "received": _amount(draft.to_minor, draft.to_currency),
        "occurred_at": draft.occurred_at.isoformat(),
        "source": draft.source,
        "fill_id": None if draft.fill_id is None else str(draft.fill_id),
        "import_id": None if draft.import_id is None else str(draft.import_id),
    }


def _amount(minor: int | None, currency: str | None) -> str | None:
    return None if minor is None or currency is None else f"{from_minor(minor, currency):f}"


def _summary(portfolio_id: UUID, found: Sequence[Booked]) -> dict[str, object]:
    imports = {each.draft.import_id for each in found}
    import_id = imports.pop() if len(imports) == 1 else None
    return {
        "portfolio_id": str(portfolio_id),
        "transaction_id": None,
        "count": len(found),
        "symbols": sorted({each.draft.symbol for each in found if each.draft.symbol is not None}),
        "first_occurred_at": min(each.draft.occurred_at for each in found).isoformat(),
        "last_occurred_at": max(each.draft.occurred_at for each in found).isoformat(),
        "source": found[0].draft.source,
        "import_id": None if import_id is None else str(import_id),
    }
