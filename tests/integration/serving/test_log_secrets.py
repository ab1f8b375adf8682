"""No secret reaches the log, also when every library writes whatever it would at the level DEBUG."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lakehouse.settings import Settings
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import QUERY_TIMEOUT_S

pytestmark = pytest.mark.integration

# The API as it is, with every logger told to say everything.
LOUD = """
import logging, sys
from serving import __main__ as serving
from serving.kit import logs

quiet = logs.configure

def loud():
    quiet()
    logging.getLogger().setLevel(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)

logs.configure = loud
sys.exit(serving.main())
"""
PASSWORD = f"a-password-of-{uuid4()}"
OTHER = "another-password-that-nobody-has"
KEY = "an-idempotency-key-of-this-test"


@pytest.fixture
def loud(books: Settings) -> Iterator[ApiProcess]:
    with api_process(books, query_timeout_s=QUERY_TIMEOUT_S, program=("-c", LOUD)) as api:
        yield api


def answers(api: ApiProcess, token: str) -> list[str]:
    """Send secrets wherever they may stand, also where they must not; returns those that the API has made itself."""
    email = f"{uuid4().hex}@example.com"
    proof = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{api.url}/api/v1", timeout=60.0) as client:
        new = {"email": email, "password": PASSWORD, "display_name": "Log Reader"}
        assert client.post("/auth/register", json=new).status_code == 202
        assert client.post("/auth/register", json={**new, "password": "", "again": PASSWORD}).status_code == 422
        assert client.post("/auth/login", json={"email": email, "password": OTHER}).status_code == 401
        logged_in = client.post("/auth/login", json={"email": email, "password": PASSWORD})
        access = str(logged_in.json()["access_token"])
        cookies = [value for value in client.cookies.values() if len(value) > 12]
        own = {"Authorization": f"Bearer {access}"}
        made = client.post("/auth/api-keys", json={"name": "log", "scopes": ["portfolios:read"]}, headers=own)
        key = str(made.json()["key"])
        assert client.get("/portfolios", headers={"X-API-Key": key}).status_code == 200
        assert client.get("/portfolios", headers={"X-API-Key": f"{key}x"}).status_code == 401
        assert client.get("/portfolios", headers={"Authorization": f"Bearer {access}x"}).status_code == 401
        assert client.get("/portfolios", params={"token": access, "password": PASSWORD}, headers=own).status_code < 500
        broken = f'{{"password": "{PASSWORD}'
        json_type = {"Content-Type": "application/json"}
        assert client.post("/orders", content=broken, headers={**own, **json_type}).status_code in {400, 422}
        portfolio = {"name": "log", "base_currency": "USD"}
        assert client.post("/portfolios", json=portfolio, headers=own).status_code == 201
        order = {"password": PASSWORD, "token": access}
        assert client.post("/orders", json=order, headers={**own, "Idempotency-Key": KEY}).status_code == 422
        refreshed = client.post("/auth/refresh", headers={"X-Requested-With": "test"})
        assert refreshed.status_code == 200, refreshed.text
        cookies += [value for value in client.cookies.values() if len(value) > 12]
        change = {"current_password": PASSWORD, "new_password": OTHER}
        client.post("/auth/change-password", json=change, headers=own)
        client.get("/portfolios", headers=proof)
    return [access, key, str(refreshed.json()["access_token"]), *cookies]


def sockets(api: ApiProcess, token: str) -> None:
    """A token in the handshake, in a message, in the address and in what is no command."""
    address = api.url.replace("http://", "ws://") + "/ws/quotes"
    with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        socket.send(json.dumps({"op": "auth", "token": token}))
        socket.recv()
        socket.send(json.dumps({"op": "subscribe", "token": token}))
        socket.recv()
    with connect(address) as socket:
        socket.send(json.dumps({"op": "auth", "token": token}))
        socket.recv()
    with connect(f"{address}?token={token}") as socket:
        socket.send(json.dumps({"op": "ping"}))
        with pytest.raises(ConnectionClosed):
            socket.recv()


def test_no_line_of_the_log_holds_a_secret_at_any_level(books: Settings, loud: ApiProcess) -> None:
    user = api_user(books)
    made = answers(loud, user.token)
    sockets(loud, user.token)
    text = loud.log.read_text()
    assert '"level": "debug"' in text, "the log was not loud, so it proves nothing"
    secrets = [PASSWORD, OTHER, KEY, user.token, *made]
    assert len(secrets) >= 8
    found = {line[:300] for line in text.splitlines() if any(secret in line for secret in secrets)}
    assert found == set()
