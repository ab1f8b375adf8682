"""Users of the API for tests: written into PostgreSQL, with a real access token of a real session."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.auth import keys
from serving.auth.tokens import AccessTokens
from tests.factories.api_process import ANSWER_S

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class ApiUser:
    """A user and what proves that a request is theirs."""

    id: UUID
    token: str
    session_id: UUID

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, url: str) -> httpx.Client:
        """A client that sends every request as this user; the caller closes it."""
        return httpx.Client(base_url=url, headers=self.headers, timeout=ANSWER_S)


def api_user(settings: Settings, *, role: str = "user") -> ApiUser:
    """A new active user without a password, with a token of `settings.home`'s newest signing key."""
    user_id, session_id = uuid7(CLOCK), uuid7(CLOCK)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO auth.app_user (id, email, display_name, role) VALUES (%s, %s, %s, %s)",
            (user_id, f"{user_id.hex}@example.com", "a test's user", role),
        )
        connection.execute(
            "INSERT INTO auth.session (id, user_id, created_at, expires_at, last_used_at) "
            "VALUES (%s, %s, now(), now() + interval '1 day', now())",
            (session_id, user_id),
        )
    folder = keys.folder_of(settings)
    keys.ensure(folder, CLOCK)
    return ApiUser(user_id, AccessTokens(settings.auth, folder, CLOCK).issue(user_id, session_id), session_id)
