"""Proposals under policies that are automatic become orders by themselves, by the rules of their owners' own."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from lakehouse.errors import TidemarkError
from lakehouse.stores.postgres import PostgresUnavailable
from serving.confirmations.repository import AutomaticRow, ConfirmationRepository
from serving.confirmations.schemas import ConfirmIn
from serving.confirmations.service import ConfirmationService
from serving.kit.access import Principal, Scope
from serving.kit.problems import ApiError
from serving.kit.rooms import Platform
from serving.orders.service import OrderService

EVERY_S: Final = 15.0
LOOK_BACK: Final = timedelta(days=7)
"""An older proposal is stale, whatever holidays lie between."""

EVERYTHING: Final = ConfirmIn(dry_run=False)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """Confirms in the owners' names."""

    platform: Platform
    repository: ConfirmationRepository
    confirmations: ConfirmationService
    orders: OrderService

    async def run_forever(self) -> None:
        """Look until the task is cancelled or the API ends. PostgreSQL gone is logged, and tried again."""
        await self.confirmations.warm()
        while not self.platform.lifecycle.is_draining:
            try:
                for row in await self.repository.automatic(since=(self.platform.clock.now() - LOOK_BACK).date()):
                    await self.confirm(row)
            except TidemarkError as error:
                log.warning("proposals could not be looked at", error=str(error))
            await self.platform.lifecycle.pause(EVERY_S)

    async def confirm(self, row: AutomaticRow) -> int:
        """Place what may be placed of one proposal; how many of its trades are orders now.

        Whatever refuses it is logged, and holds up no other one. Raises PostgresUnavailable.
        """
        owner = Principal(user_id=row.owner_id, scopes=frozenset({Scope.ORDERS_WRITE}))
        try:
            async with self.platform.database.transaction() as connection:
                found = await self.confirmations.confirm(connection, owner, row.id, EVERYTHING, orders=self.orders)
        except ApiError as error:
            log.info("proposal not confirmed", proposal_id=str(row.id), reason=str(error))
            return 0
        except PostgresUnavailable:
            raise
        except TidemarkError as error:
            log.warning("proposal could not be confirmed", proposal_id=str(row.id), error=str(error))
            return 0
        return len(found.placed)
