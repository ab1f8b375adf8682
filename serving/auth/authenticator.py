"""Proves who sent a request: the token's signature, and that its user may still log in."""

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from starlette.requests import HTTPConnection

from serving.auth.tokens import AccessTokens
from serving.kit.access import ADMIN_ONLY, USER_SCOPES, NotAuthenticated, Principal
from serving.kit.database import Database

USER: Final[LiteralString] = "SELECT role, status FROM auth.app_user WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class UserState:
    """What decides about a user's requests."""

    role: str
    status: str


class TokenAuthenticator:
    """Reads `Authorization: Bearer TOKEN`."""

    def __init__(self, tokens: AccessTokens, database: Database) -> None:
        self._tokens = tokens
        self._database = database

    async def principal(self, connection: HTTPConnection) -> Principal:
        """The caller. Raises NotAuthenticated and PostgresUnavailable."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("Send `Authorization: Bearer TOKEN`; POST /api/v1/auth/login gives a token.")
        claims = self._tokens.verify(token)
        state = await self._state(claims.user_id)
        is_admin = state.role == "admin"
        scopes = USER_SCOPES | ADMIN_ONLY if is_admin else USER_SCOPES
        return Principal(claims.user_id, scopes, is_admin=is_admin, session_id=claims.session_id)

    async def _state(self, user_id: UUID) -> UserState:
        state = await self._database.find(USER, {"id": user_id}, UserState)
        if state is None or state.status != "active":
            raise NotAuthenticated("The user may not log in any more.")
        return state
