"""The rules of alerts: they are read, and acknowledged by their owner."""

from collections.abc import Sequence
from typing import Never
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores import alerting
from serving.alerts.repository import ALERTS, AlertRepository
from serving.alerts.schemas import AlertOut, SeenOut
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService
from serving.kit.database import Database


class AlertService(CrudService[Never, AlertOut]):
    """Alerts of the caller's rules."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._alerts = AlertRepository(database, ALERTS)
        super().__init__(database, self._alerts, clock)

    async def acknowledge(self, principal: Principal, ids: Sequence[UUID]) -> SeenOut:
        """Note that the caller has seen them, all or none. Raises NotFound."""
        wanted = list(dict.fromkeys(ids))
        async with self.database.transaction() as connection:
            own = await self._alerts.own(connection, principal.user_id, wanted)
            for each in wanted:
                if each not in own:
                    raise self.missing(each)
            count = await alerting.acknowledge(connection, principal.user_id, ids=wanted, clock=self.clock)
            return SeenOut(acknowledged=count, data=await self._alerts.read_back(connection, wanted))
