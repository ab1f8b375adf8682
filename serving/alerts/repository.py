"""The table of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.alerting import ALERT
from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.alerts.schemas import AlertOut
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository

ALERTS = Collection(
    ALERT,
    AlertOut,
    noun="alert",
    predicates={
        "happened_from": "t.at >= %(happened_from)s",
        "happened_to": "t.at < %(happened_to)s",
        "acknowledged": "(t.acknowledged_at IS NOT NULL) = %(acknowledged)s",
    },
    is_versioned=False,
)
MINE: Final[LiteralString] = (
    "SELECT a.id FROM alerting.alert AS a WHERE a.id = ANY (%(ids)s) AND a.owner_id = %(owner)s"
)


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


class AlertRepository(CrudRepository[AlertOut]):
    """Alerts. Every method raises PostgresUnavailable."""

    async def own(self, connection: Transaction, owner: UUID, ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of the alerts that are the owner's."""
        found = await postgres.rows_of(connection, MINE, {"ids": list(ids), "owner": owner}, _Id)
        return frozenset(row.id for row in found)
