"""The rules of objectives: one for each portfolio of the caller, and every change asks for new weights."""

import asyncio
from collections.abc import Sequence
from datetime import date

from lakehouse.clock import Clock
from lakehouse.construction import policy
from lakehouse.construction.schedule import next_due, session_from
from lakehouse.stores.allocations import ask
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, NotFound, Row
from serving.kit.database import Database
from serving.kit.ownership import own_portfolios
from serving.kit.problems import ApiError
from serving.objectives.repository import OBJECTIVES, ObjectiveRepository
from serving.objectives.schemas import Frequency, ObjectiveIn, ObjectiveOut

OF_NO_WEIGHT = frozenset({"note", "rebalances_on", "rebalancing_frequency"})  # what weights do not depend on


class ObjectiveService(CrudService[ObjectiveIn, ObjectiveOut]):
    """Objectives of the caller's portfolios."""

    def __init__(self, database: Database, clock: Clock, *, exchange: str) -> None:
        self._exchange = exchange
        self._objectives = ObjectiveRepository(database, OBJECTIVES)
        super().__init__(database, self._objectives, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[ObjectiveIn]
    ) -> list[Row | ApiError]:
        """A row of each item whose portfolio is the caller's own."""
        wanted = {item.portfolio_id for item in items}
        own = await own_portfolios(connection, principal.user_id, wanted)
        usual = {each: await self._following(each) for each in {item.rebalancing_frequency for item in items}}
        return [
            self._row(principal, item, usual[item.rebalancing_frequency])
            if item.portfolio_id in own
            else NotFound(f"There is no portfolio {item.portfolio_id} of yours; GET /api/v1/portfolios lists them.")
            for item in items
        ]

    async def change(self, connection: Transaction, principal: Principal, current: ObjectiveOut, changes: Row) -> Row:
        """The changes, the next rebalancing where the frequency changes, and new weights where they depend on it."""
        frequency = changes.get("rebalancing_frequency", current.rebalancing_frequency)
        moved: Row = {}
        if frequency != current.rebalancing_frequency and "rebalances_on" not in changes:
            moved["rebalances_on"] = await self._following(Frequency(str(frequency)))
        if changes.keys() - OF_NO_WEIGHT:
            await ask(connection, [current.portfolio_id], now=self.clock.now())
        return {**changes, **moved}

    def _row(self, principal: Principal, item: ObjectiveIn, usual: date) -> Row:
        return {
            **item.model_dump(),
            "owner_id": principal.user_id,
            "rebalances_on": item.rebalances_on or usual,
        }

    async def _following(self, frequency: Frequency) -> date:
        """The trading day a period from today. In a thread: the first question to a calendar takes half a second."""
        today = self.clock.now().date()

        def ask() -> date:
            first = session_from(today, self._exchange)
            return next_due(today, first, policy.Frequency(frequency.value), self._exchange)

        return await asyncio.to_thread(ask)
