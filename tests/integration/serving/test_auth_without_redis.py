"""Redis gone: nobody can guess passwords, everybody who is in goes on working."""

from pathlib import Path

import httpx
import pytest

from lakehouse.settings import RedisSettings, Settings
from tests.factories.api_process import api_process
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import QUERY_TIMEOUT_S

pytestmark = pytest.mark.integration

WORD = {"X-Requested-With": "tests"}


def test_logins_wait_and_the_rest_goes_on(books: Settings, tmp_path: Path) -> None:
    settings = books.model_copy(update={"home": tmp_path, "redis": RedisSettings()})
    with api_process(settings, query_timeout_s=QUERY_TIMEOUT_S) as api, api_user(settings).client(api.url) as client:
        login = client.post("/api/v1/auth/login", json={"email": "a@example.com", "password": "a long password"})
        body = {"email": "a@example.com", "password": "a long password", "display_name": "A"}
        registration = client.post("/api/v1/auth/register", json=body)
        for answer in (login, registration):
            assert (answer.status_code, answer.json()["code"]) == (503, "limits_unavailable")
            assert answer.headers["retry-after"]
        made = client.post("/api/v1/auth/api-keys", json={"name": "k", "scopes": ["portfolios:read"]})
        assert made.status_code == 201
        answer = client.get("/api/v1/portfolios")
        assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"default";q=12000;w=60')
        assert httpx.post(f"{api.url}/api/v1/auth/refresh", headers=WORD, timeout=60.0).status_code == 401
        assert client.post("/api/v1/auth/logout").status_code == 204
