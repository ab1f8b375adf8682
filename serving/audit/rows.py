"""Rows of a resource in the audit log: one line for each that was created, updated or deleted."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction, together
from serving.audit.log import record
from serving.kit.access import Principal

ONE_BY_ONE: Final = 20


async def record_rows(
    connection: Transaction,
    principal: Principal,
    deed: str,
    rows: Sequence[BaseModel],
    *,
    kind: str,
    clock: Clock,
) -> None:
    """Append what was done to rows that have an `id`; of a large batch one line with all the ids."""
    if len(rows) > ONE_BY_ONE:
        ids = [str(_id(row)) for row in rows]
        await record(connection, principal, f"{kind}.{deed}", clock=clock, object_kind=kind, after={"ids": ids})
        return
    async with together(connection):
        for row in rows:
            state = row.model_dump(mode="json")
            before, after = (state, None) if deed == "deleted" else (None, state)
            await record(
                connection,
                principal,
                f"{kind}.{deed}",
                clock=clock,
                object_kind=kind,
                object_id=_id(row),
                before=before,
                after=after,
            )


def _id(row: BaseModel) -> UUID:
    found = getattr(row, "id", None)
    if not isinstance(found, UUID):
        raise TypeError(f"{type(row).__name__} has no id to be audited by")
    return found
