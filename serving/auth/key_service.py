"""API keys of users: made, listed, revoked, and when they were last used."""

from datetime import timedelta
from uuid import UUID

import structlog

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from serving.audit.log import record
from serving.auth import api_keys
from serving.auth.authenticator import TokenAuthenticator
from serving.auth.repository import AuthRepository, KeyRow, NewKey
from serving.auth.schemas import ApiKeyCreate, ApiKeyList, ApiKeyMade, ApiKeyOut
from serving.auth.sessions import require_session
from serving.kit.access import NotAllowed, Principal, Scope
from serving.kit.database import Database
from serving.kit.problems import ApiError

MOST_KEYS = 50
USED_EVERY_S = 60.0
KEPT_DAYS = 30

log = structlog.get_logger(__name__)


class ApiKeyNotFound(ApiError):
    """The user has no such key."""

    status = 404
    code = "api_key_not_found"
    title = "No such API key"


class TooManyApiKeys(ApiError):
    """A user may have fifty keys."""

    status = 409
    code = "too_many_api_keys"
    title = "No more API keys"


class ApiKeyService:
    """A user's keys."""

    def __init__(self, database: Database, authenticator: TokenAuthenticator, clock: Clock) -> None:
        self._database = database
        self._repository = AuthRepository(database)
        self._authenticator = authenticator
        self._clock = clock

    async def create(self, principal: Principal, asked: ApiKeyCreate) -> ApiKeyMade:
        """A new key; its secret is in the answer and nowhere else. Raises NotAllowed and TooManyApiKeys."""
        require_session(principal)
        beyond = sorted(set(asked.scopes) - principal.scopes)
        if beyond:
            raise NotAllowed(f"You do not have {', '.join(beyond)} yourself.")
        key, now = api_keys.new(), self._clock.now()
        row = NewKey(
            id=uuid7(self._clock),
            name=asked.name,
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            scopes=" ".join(asked.scopes),
            expires_at=now + timedelta(days=asked.expires_in_days),
        )
        async with self._database.transaction() as connection:
            await self._repository.user(connection, principal.user_id)
            if await self._repository.count_keys(connection, principal.user_id) >= MOST_KEYS:
                raise TooManyApiKeys("Revoke one that is not used any more.")
            await self._repository.add_key(connection, principal.user_id, row, now)
            after = {"name": row.name, "scopes": row.scopes, "prefix": row.prefix, "expires_at": row.expires_at}
            await record(
                connection,
                principal,
                "api_key.created",
                clock=self._clock,
                object_kind="api_key",
                object_id=row.id,
                after=after,
            )
        return ApiKeyMade(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            scopes=asked.scopes,
            created_at=now,
            expires_at=row.expires_at,
            last_used_at=None,
            key=key.text,
        )

    async def page(self, principal: Principal) -> ApiKeyList:
        """The caller's keys."""
        return ApiKeyList(data=[_key(row) for row in await self._repository.keys(principal.user_id)])

    async def revoke(self, principal: Principal, key_id: UUID) -> None:
        """Refuse a key from now on. Raises NotAllowed for a key that asks, and ApiKeyNotFound."""
        require_session(principal)
        async with self._database.transaction() as connection:
            if not await self._repository.revoke_key(connection, principal.user_id, key_id, self._clock.now()):
                raise ApiKeyNotFound(f"You have no API key {key_id}; GET /api/v1/auth/api-keys lists them.")
            await record(
                connection, principal, "api_key.revoked", clock=self._clock, object_kind="api_key", object_id=key_id
            )
        self._authenticator.forget(principal.user_id)

    async def tidy(self) -> None:
        """Write down when keys were last used, and forget sessions that ended long ago. Never raises."""
        used, self._authenticator.used_keys = self._authenticator.used_keys, {}
        try:
            if used:
                await self._repository.keys_used(used)
            await self._repository.purge(self._clock.now() - timedelta(days=KEPT_DAYS))
        except TidemarkError as error:
            log.warning("use of API keys not written", keys=len(used), error=type(error).__name__)


def _key(row: KeyRow) -> ApiKeyOut:
    return ApiKeyOut(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=[Scope(name) for name in row.scopes.split()],
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
