"""Draft instruments: what an import or a seed met and nobody knew. Everybody sees them, so each user makes few."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from serving.instruments import repository
from serving.kit.problems import ApiError

MOST_AT_ONCE: Final = 500
MOST_OF_A_USER: Final = 2_000


class TooManyDrafts(ApiError):
    """The file or seed names too many unknown symbols, or its owner's earlier ones still wait for an admin."""

    status = 409
    code = "too_many_drafts"
    title = "Too many unknown instruments"


async def add_drafts(
    connection: Transaction, wanted: Mapping[str, tuple[str, str]], *, creator: UUID, clock: Clock
) -> set[str]:
    """Make a draft of each symbol that is unknown, and return those. `wanted` has the name and currency by symbol.

    Raises TooManyDrafts; the caller's rollback undoes what was made.
    """
    made = await repository.add_drafts(connection, wanted, creator, clock.now())
    if len(made) > MOST_AT_ONCE:
        raise TooManyDrafts(f"{len(made)} symbols are unknown, and {MOST_AT_ONCE} may be at once: check the symbols.")
    waiting = await repository.drafts_of(connection, creator) if made else 0
    if waiting > MOST_OF_A_USER:
        raise TooManyDrafts(
            f"With these {waiting} symbols of yours would wait for an admin, and {MOST_OF_A_USER} may: have some of "
            "them made active or removed."
        )
    return made


async def remove_drafts(connection: Transaction, made: Collection[str]) -> None:
    """Take back drafts that were made in this transaction and that nothing was booked in."""
    if made:
        await repository.remove_drafts(connection, made)
