"""The analysis socket in front of real engines: five measures of real rows, remembered, and nobody else's."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sin
from typing import Any
from uuid import uuid4

import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lakehouse.clock import SystemClock
from lakehouse.domain.quote import Bar
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.risk.analysis import Measure
from lakehouse.stores import postgres
from lakehouse.stores.quotes import load_daily_bars
from serving.analysis.state import TTL_S
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CORE = PORTFOLIOS[0]
DAYS = 300
CLOCK = SystemClock()
TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def quoted(served: Served) -> Served:
    """Daily closes of everything that the demo's first portfolio holds."""
    first = datetime(2022, 1, 3, tzinfo=UTC)
    bars = [
        Bar(
            symbol=symbol,
            interval="1d",
            starts_at=first + timedelta(days=day),
            close=Decimal(str(round(100 + 10 * sin(day / (7 + place)) + place, 4))),
            provider="test",
        )
        for place, (symbol, _) in enumerate(CORE.holdings)
        for day in range(DAYS)
    ]
    with postgres.connect(served.settings.postgres) as connection:
        load_daily_bars(connection, bars, currency="USD", clock=CLOCK)
    return served


@pytest.fixture
def socket(quoted: Served) -> Iterator[ClientConnection]:
    with _connect(quoted, f"s-{uuid4().hex}", quoted.admin.headers) as opened:
        yield opened


def _connect(served: Served, session: str, headers: dict[str, str]) -> ClientConnection:
    return connect(
        f"{served.api.url.replace('http', 'ws')}/ws/{session}", additional_headers=headers, open_timeout=TIMEOUT_S
    )


def _analyze(socket: ClientConnection, ticker: str) -> None:
    socket.send(json.dumps({"action": "analyze", "ticker": ticker, "portfolio_id": str(CORE.id)}))


def _until(socket: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["type"] not in kinds:
        frames.append(json.loads(socket.recv(TIMEOUT_S)))
    return frames


def test_five_measures_of_one_snapshot(socket: ClientConnection) -> None:
    _until(socket, "session")
    _analyze(socket, CORE.holdings[0][0])
    started, *results, complete = _until(socket, "analysis_complete", "error")
    assert (started["type"], complete["type"]) == ("analysis_started", "analysis_complete")
    assert {result["metric"] for result in results} == set(Measure)
    assert {result["snapshot_id"] for result in results} == {started["snapshot_id"]}
    assert {result["run_id"] for result in results} == {started["run_id"]}
    assert all(isinstance(result["value"], float) for result in results)


def test_a_switch_cancels_and_nothing_of_the_old_run_follows(socket: ClientConnection) -> None:
    old, new = (symbol for symbol, _ in CORE.holdings[:2])
    _analyze(socket, old)
    _analyze(socket, new)
    frames = _until(socket, "analysis_complete")
    while frames[-1]["ticker"] != new:  # the first was complete before the second was asked for
        frames += _until(socket, "analysis_complete")
    kinds = [(frame["type"], frame.get("ticker")) for frame in frames]
    last_of_old = max((place for place, kind in enumerate(kinds) if kind[1] == old), default=-1)
    first_of_new = kinds.index(("analysis_started", new))
    assert last_of_old < first_of_new


def test_a_session_is_remembered_by_its_user_alone(quoted: Served) -> None:
    name, ticker = f"s-{uuid4().hex}", CORE.holdings[0][0]
    with _connect(quoted, name, quoted.admin.headers) as first:
        _analyze(first, ticker)
        _until(first, "analysis_complete")
    with _connect(quoted, name, quoted.admin.headers) as again:
        remembered = _until(again, "session")[-1]
    with _connect(quoted, name, api_user(quoted.settings).headers) as stranger:
        empty = _until(stranger, "session")[-1]
    assert remembered["current_analysis"] == ticker
    assert set(remembered["results"]) == set(Measure)
    assert (empty["current_analysis"], empty["results"]) == (None, {})


def test_a_session_lives_for_a_day_from_its_last_use(quoted: Served) -> None:
    name = f"s-{uuid4().hex}"
    key = f"analysis:{{{quoted.admin.id}:{name}}}"
    store = redis.Redis(port=quoted.settings.redis.port)
    with _connect(quoted, name, quoted.admin.headers) as socket:
        _analyze(socket, CORE.holdings[0][0])
        _until(socket, "analysis_complete")
        store.expire(key, 60)
        _analyze(socket, CORE.holdings[0][0])
        _until(socket, "analysis_complete")
    assert 60 < int(str(store.ttl(key))) <= TTL_S


def test_what_cannot_be_analysed_is_explained_and_the_session_goes_on(socket: ClientConnection) -> None:
    _analyze(socket, "NOPE")
    refused = _until(socket, "error")[-1]
    assert (refused["code"], "does not hold NOPE" in str(refused["detail"])) == ("not_analyzable", True)
    socket.send("{")
    assert _until(socket, "error")[-1]["code"] == "invalid_frame"
    _analyze(socket, CORE.holdings[0][0])
    assert _until(socket, "analysis_complete")


def test_another_users_portfolio_does_not_exist(quoted: Served) -> None:
    with _connect(quoted, "s", api_user(quoted.settings).headers) as stranger:
        _analyze(stranger, CORE.holdings[0][0])
        assert "no such portfolio" in str(_until(stranger, "error")[-1]["detail"])


def test_a_first_frame_may_carry_the_token(quoted: Served) -> None:
    with _connect(quoted, "s", {}) as socket:
        socket.send(json.dumps({"action": "auth", "token": quoted.admin.token}))
        assert _until(socket, "session")


@pytest.mark.parametrize("frame", ['{"action":"auth","token":"forged"}', '{"action":"analyze","ticker":"AAPL"}'])
def test_nobody_gets_nothing(quoted: Served, frame: str) -> None:
    with _connect(quoted, "s", {}) as socket:
        socket.send(frame)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(TIMEOUT_S)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "not_authenticated")


def _closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        _until(socket, "never")
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_a_key_without_the_scope_is_told_so(quoted: Served) -> None:
    with api_user(quoted.settings).client(quoted.api.url) as client:
        made = client.post("/api/v1/auth/api-keys", json={"name": "orders", "scopes": ["orders:read"]}).json()
    with _connect(quoted, "s", {"X-API-Key": made["key"]}) as socket:
        assert _closed(socket) == (4403, "not_allowed")


def test_a_user_who_is_no_longer_welcome_is_not_served_any_more(quoted: Served) -> None:
    user = api_user(quoted.settings)
    with _connect(quoted, "s", user.headers) as socket:
        _until(socket, "session")
        with postgres.connect(quoted.settings.postgres) as connection:
            connection.execute("UPDATE auth.app_user SET status = 'disabled' WHERE id = %s", (user.id,))
        assert _closed(socket) == (4401, "token_expired")
    shown = quoted.api.client.get("/metrics").text
    assert 'websocket_closed_total{endpoint="/ws/{session_id}",reason="token_expired"} 1.0' in shown


def test_a_page_of_another_origin_is_refused(quoted: Served) -> None:
    headers = {**quoted.admin.headers, "Origin": "https://elsewhere.example"}
    with pytest.raises(InvalidStatus):
        _connect(quoted, "s", headers)
