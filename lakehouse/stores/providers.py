"""How the sources of prices do: their rows of market.data_provider, as the feed tells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, LiteralString

from psycopg import OperationalError

from lakehouse.clock import Clock
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from lakehouse.stores.postgres import PostgresUnavailable

# The prices themselves are counted where they are recorded.
TELL: Final[LiteralString] = """
    INSERT INTO market.data_provider AS p (name, status, last_quote_at, updated_at)
    SELECT s.name, s.status, s.last_quote_at, %(now)s
    FROM unnest(%(names)s::text[], %(states)s::text[], %(times)s::timestamptz[]) AS s (name, status, last_quote_at)
    ORDER BY s.name
    ON CONFLICT (name) DO UPDATE SET
        status = excluded.status,
        last_quote_at = greatest(p.last_quote_at, excluded.last_quote_at),
        updated_at = excluded.updated_at
"""


class Status(StrEnum):
    """Up delivers or would; degraded fails now and then, or is silent; down is not asked any more."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Told:
    """What the feed says of one provider; `last_quote_at` is the instant of its newest price."""

    name: str
    status: Status
    last_quote_at: datetime | None


def tell(section: PostgresSettings, told: Sequence[Told], *, clock: Clock) -> None:
    """Write the state of each provider. Raises PostgresUnavailable."""
    columns: dict[str, object] = {
        "names": [each.name for each in told],
        "states": [each.status.value for each in told],
        "times": [each.last_quote_at for each in told],
    }
    try:
        with postgres.connect(section) as connection:
            connection.execute(TELL, {**columns, "now": clock.now()})
    except OperationalError as error:
        raise PostgresUnavailable(f"PostgreSQL did not answer: {error}") from error
