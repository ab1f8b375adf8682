"""Corporate actions through the API: read by everybody, written by nobody there."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg import AsyncConnection

from lakehouse.clock import ManualClock
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.stores import postgres
from lakehouse.stores.books.actions import Applied, apply, undo
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))


async def prepare(served: Served) -> tuple[Applied, Applied]:
    """A split that holds and a dividend that was taken back."""
    split = Action(symbol="MSFT", kind=ActionKind.SPLIT, ex_date=date(2003, 2, 18), ratio=Decimal(2))
    paid = Action(
        symbol="MSFT", kind=ActionKind.DIVIDEND, ex_date=date(2004, 11, 15), amount=Decimal("3.08"), currency="USD"
    )
    async with await AsyncConnection.connect(postgres.conninfo_of(served.settings.postgres)) as connection:
        first = await apply(connection, split, source="test", clock=CLOCK)
        await connection.commit()
        CLOCK.sleep(0.002)  # ids of one millisecond are in no order
        second = await apply(connection, paid, source="test", clock=CLOCK)
        return first, await undo(connection, second.recorded.id, clock=CLOCK)


def test_actions_are_listed_filtered_and_paged(served: Served) -> None:
    first, _ = asyncio.run(prepare(served))
    api = api_user(served.settings).client(served.api.url)
    path = "/api/v1/corporate-actions"
    (found,) = api.get(path, params={"symbol": "MSFT"}).json()["data"]
    assert (found["id"], found["kind"], found["ratio"], found["amount"]) == (str(first.recorded.id), "split", "2", None)
    whole = api.get(path, params={"symbol": "MSFT", "include_reversed": True, "limit": 1}).json()
    assert (whole["data"][0]["amount"], whole["data"][0]["currency"], whole["has_more"]) == ("3.08", "USD", True)
    assert [each["id"] for each in api.get(whole["next"]).json()["data"]] == [str(first.recorded.id)]
    assert api.get(path, params={"kind": "dividend"}).json()["data"] == []
    assert api.get(path, params={"symbol": "MSFT", "date_from": "2003-02-19"}).json()["data"] == []
    refused = api.post(path, json={})
    assert refused.status_code == 405
    assert "tidemark actions" in refused.json()["detail"]
