"""The table of alert rules; how a rule stands follows from its newest alert."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.contracts.tables.alerting import RULE
from lakehouse.stores.postgres import Transaction
from serving.alert_rules.schemas import AlertRuleOut
from serving.kit.crud.collection import Collection
from serving.kit.crud.repository import CrudRepository
from serving.kit.database import find_in

_NEWEST: Final[LiteralString] = "FROM alerting.alert AS a WHERE a.rule_id = t.id ORDER BY a.id DESC LIMIT 1"
STATE: Final[LiteralString] = f"""
    CASE t.status WHEN 'paused' THEN 'paused' ELSE coalesce((
        SELECT CASE WHEN a.created_at < t.armed_at THEN 'active'
                    WHEN a.acknowledged_at IS NULL THEN 'triggered' ELSE 'acknowledged' END
        {_NEWEST}
    ), 'active') END
"""
RULES = Collection(
    RULE,
    AlertRuleOut,
    noun="alert rule",
    extra={
        "state": STATE,
        "last_alert_id": f"(SELECT a.id {_NEWEST})",
        "last_alert_at": f"(SELECT a.at {_NEWEST})",
    },
    predicates={"state": f"{STATE} = %(state)s"},
)
COUNT: Final[LiteralString] = "SELECT count(*) AS rules FROM alerting.rule AS r WHERE r.owner_id = %(owner)s"


@dataclass(frozen=True, slots=True)
class _Count:
    rules: int


class AlertRuleRepository(CrudRepository[AlertRuleOut]):
    """Alert rules. Every method raises PostgresUnavailable."""

    async def count(self, connection: Transaction, owner: UUID) -> int:
        """How many rules the owner has."""
        found = await find_in(connection, COUNT, {"owner": owner}, _Count)
        return 0 if found is None else found.rules
