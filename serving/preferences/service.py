"""The rules of preferences: one set for each user and key, in a currency and a zone that exist."""

from collections.abc import Sequence
from functools import cache
from zoneinfo import available_timezones

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from serving.kit.access import Principal
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService, Row
from serving.kit.database import Database
from serving.kit.problems import ApiError
from serving.preferences.repository import PREFERENCES
from serving.preferences.schemas import PreferenceIn, PreferenceOut


@cache
def zones() -> frozenset[str]:
    """Names of every zone; read from disk once."""
    return frozenset(available_timezones())


class UnknownTimezone(ApiError):
    """A zone that the time zone database does not have."""

    status = 409
    code = "unknown_timezone"
    title = "There is no such time zone"

    def __init__(self, name: str) -> None:
        super().__init__(f"The IANA database has no zone {name}: names look like Europe/Berlin or UTC.")


class PreferenceService(CrudService[PreferenceIn, PreferenceOut]):
    """Preferences of the caller."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, PREFERENCES), clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[PreferenceIn]
    ) -> list[Row | ApiError]:
        """A row of each set whose zone exists."""
        rows = await super().prepare(connection, principal, items)
        return [
            row if item.timezone in zones() else UnknownTimezone(item.timezone)
            for item, row in zip(items, rows, strict=True)
        ]

    async def change(self, connection: Transaction, principal: Principal, current: PreferenceOut, changes: Row) -> Row:
        """The changes. Raises UnknownTimezone."""
        zone = changes.get("timezone", current.timezone)
        if zone not in zones():
            raise UnknownTimezone(str(zone))
        return changes
