"""The table of objectives, and who owns which portfolio."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString, cast
from uuid import UUID

from lakehouse.contracts.tables.resources import OBJECTIVE
from lakehouse.stores.allocations import ask
from lakehouse.stores.postgres import Transaction
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.objectives.schemas import ObjectiveOut

STATUS: Final[LiteralString] = "(SELECT w.status FROM app.allocation AS w WHERE w.portfolio_id = t.portfolio_id)"
OBJECTIVES = Collection(
    OBJECTIVE,
    ObjectiveOut,
    noun="objective",
    extra={"allocation_status": STATUS},
    predicates={
        "rebalances_to": "t.rebalances_on <= %(rebalances_to)s",
        "allocation_status": STATUS + " = %(allocation_status)s",
    },
)


class ObjectiveRepository(CrudRepository[ObjectiveOut]):
    """Objectives. Every method raises PostgresUnavailable."""

    async def insert(self, connection: Transaction, rows: Sequence[Mapping[str, object]]) -> None:
        """Write objectives; their portfolios wait for new weights."""
        await super().insert(connection, rows)
        ids = [each for row in rows if isinstance(each := row["portfolio_id"], UUID)]
        await ask(connection, ids, now=cast(datetime, rows[0]["created_at"]))
