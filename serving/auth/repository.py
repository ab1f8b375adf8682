"""All SQL about users, sessions, refresh tokens and API keys. Reads that decide who may enter ask the primary."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.stores import postgres
from lakehouse.stores.postgres import Transaction
from serving.kit.database import Database, find_in

USER_COLUMNS: Final[LiteralString] = """
    SELECT u.id, u.email, u.display_name, u.password_hash, u.role, u.status, u.version, u.created_at
    FROM auth.app_user AS u
"""
BY_EMAIL: Final[LiteralString] = USER_COLUMNS + "WHERE u.email = %(email)s"
BY_ID: Final[LiteralString] = USER_COLUMNS + "WHERE u.id = %(id)s"
LOCKED: Final[LiteralString] = BY_ID + " FOR NO KEY UPDATE"
ADD_USER: Final[LiteralString] = """
    INSERT INTO auth.app_user
        (id, email, display_name, password_hash, role, password_changed_at, created_at, updated_at)
    VALUES (%(id)s, %(email)s, %(display_name)s, %(password_hash)s, %(role)s, %(at)s, %(at)s, %(at)s)
    ON CONFLICT (email) DO NOTHING RETURNING id
"""
RENAME: Final[LiteralString] = """
    UPDATE auth.app_user SET display_name = %(display_name)s, version = version + 1, updated_at = %(at)s
    WHERE id = %(id)s
"""
NEW_HASH: Final[LiteralString] = """
    UPDATE auth.app_user SET password_hash = %(password_hash)s, password_changed_at = %(at)s, version = version + 1,
        updated_at = %(at)s
    WHERE id = %(id)s
"""
REHASH: Final[LiteralString] = """
    UPDATE auth.app_user SET password_hash = %(password_hash)s WHERE id = %(id)s AND password_hash = %(known)s
"""
SESSION_STATE: Final[LiteralString] = """
    SELECT u.role, u.status, s.expires_at, s.ended_at
    FROM auth.session AS s JOIN auth.app_user AS u ON u.id = s.user_id
    WHERE s.id = %(session_id)s AND s.user_id = %(user_id)s
"""
KEY_STATE: Final[LiteralString] = """
    SELECT k.id, k.user_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at, u.role, u.status
    FROM auth.api_key AS k JOIN auth.app_user AS u ON u.id = k.user_id
    WHERE k.prefix = %(prefix)s
"""
ADD_SESSION: Final[LiteralString] = """
    INSERT INTO auth.session (id, user_id, created_at, expires_at, last_used_at, address, user_agent)
    VALUES (%(id)s, %(user_id)s, %(at)s, %(expires_at)s, %(at)s, %(address)s, %(user_agent)s)
"""
ADD_LINK: Final[LiteralString] = """
    INSERT INTO auth.refresh_token (hash, session_id, issued_at) VALUES (%(hash)s, %(session_id)s, %(at)s)
"""
LINK: Final[LiteralString] = """
    SELECT t.session_id, t.spent_at FROM auth.refresh_token AS t WHERE t.hash = %(hash)s FOR UPDATE
"""
SPEND: Final[LiteralString] = """
    UPDATE auth.refresh_token SET spent_at = %(at)s, replaced_by = %(successor)s WHERE hash = %(hash)s
"""
FAMILY: Final[LiteralString] = """
    SELECT s.id, s.user_id, s.expires_at, s.ended_at, u.status
    FROM auth.session AS s JOIN auth.app_user AS u ON u.id = s.user_id
    WHERE s.id = %(id)s FOR UPDATE OF s
"""
TOUCH: Final[LiteralString] = "UPDATE auth.session SET last_used_at = %(at)s WHERE id = %(id)s"
END: Final[LiteralString] = """
    UPDATE auth.session SET ended_at = %(at)s, ended_because = %(because)s
    WHERE user_id = %(user_id)s AND ended_at IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
      AND (%(keep)s::uuid IS NULL OR id <> %(keep)s)
    RETURNING id
"""
SESSIONS: Final[LiteralString] = """
    SELECT s.id, s.created_at, s.expires_at, s.last_used_at, s.address, s.user_agent FROM auth.session AS s
    WHERE s.user_id = %(user_id)s AND s.ended_at IS NULL AND s.expires_at > %(at)s
    ORDER BY s.id DESC LIMIT 200
"""
KEYS: Final[LiteralString] = """
    SELECT k.id, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at FROM auth.api_key AS k
    WHERE k.user_id = %(user_id)s AND k.revoked_at IS NULL ORDER BY k.id DESC LIMIT 200
"""
ADD_KEY: Final[LiteralString] = """
    INSERT INTO auth.api_key (id, user_id, name, prefix, secret_hash, scopes, created_at, expires_at)
    VALUES (%(id)s, %(user_id)s, %(name)s, %(prefix)s, %(secret_hash)s, %(scopes)s, %(at)s, %(expires_at)s)
"""
COUNT_KEYS: Final[LiteralString] = """
    SELECT count(*) AS count FROM auth.api_key WHERE user_id = %(user_id)s AND revoked_at IS NULL
"""
REVOKE_KEY: Final[LiteralString] = """
    UPDATE auth.api_key SET revoked_at = %(at)s WHERE id = %(id)s AND user_id = %(user_id)s AND revoked_at IS NULL
    RETURNING id
"""
KEY_USED: Final[LiteralString] = """
    UPDATE auth.api_key SET last_used_at = greatest(last_used_at, %(at)s) WHERE id = %(id)s
"""
PURGE: Final[LiteralString] = "DELETE FROM auth.session WHERE coalesce(ended_at, expires_at) < %(before)s"


@dataclass(frozen=True, slots=True)
class IdRow:
    """An id alone."""

    id: UUID


@dataclass(frozen=True, slots=True)
class CountRow:
    """A number of rows."""

    count: int


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user."""

    id: UUID
    email: str
    display_name: str
    password_hash: str | None
    role: str
    status: str
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SessionState:
    """What decides about the requests of a session."""

    role: str
    status: str
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyState:
    """What decides about the requests of an API key."""

    id: UUID
    user_id: UUID
    secret_hash: bytes
    scopes: str
    expires_at: datetime | None
    revoked_at: datetime | None
    role: str
    status: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A refresh token, locked."""

    session_id: UUID
    spent_at: datetime | None


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """The session of a refresh token, locked."""

    id: UUID
    user_id: UUID
    expires_at: datetime
    ended_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A live session."""

    id: UUID
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that is not revoked."""

    id: UUID
    name: str
    prefix: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be written."""

    id: UUID
    name: str
    prefix: str
    secret_hash: bytes
    scopes: str
    expires_at: datetime | None


class AuthRepository:
    """Statements; every method raises PostgresUnavailable. Writes run inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def session_state(self, session_id: UUID, user_id: UUID) -> SessionState | None:
        """From the primary: a replica may not have heard of a login, or of its end."""
        async with self._database.transaction() as connection:
            return await find_in(
                connection, SESSION_STATE, {"session_id": session_id, "user_id": user_id}, SessionState
            )

    async def key_state(self, prefix: str) -> KeyState | None:
        """The same for an API key."""
        async with self._database.transaction() as connection:
            return await find_in(connection, KEY_STATE, {"prefix": prefix}, KeyState)

    async def user_by_email(self, email: str) -> UserRow | None:
        """The user who logs in by this address."""
        async with self._database.transaction() as connection:
            return await find_in(connection, BY_EMAIL, {"email": email}, UserRow)

    async def user(self, connection: Transaction, user_id: UUID) -> UserRow | None:
        """The user, locked until the transaction ends."""
        return await find_in(connection, LOCKED, {"id": user_id}, UserRow)

    async def add_user(self, connection: Transaction, user: UserRow) -> bool:
        """Whether the user was written: nothing is where the address is taken."""
        names = {
            "id": user.id,
            "email": user.email,
            "display_name": user.display_name,
            "password_hash": user.password_hash,
            "role": user.role,
            "at": user.created_at,
        }
        return await find_in(connection, ADD_USER, names, IdRow) is not None

    async def rename(self, connection: Transaction, user_id: UUID, display_name: str, at: datetime) -> None:
        """Set the name."""
        await connection.execute(RENAME, {"id": user_id, "display_name": display_name, "at": at})

    async def set_password(self, connection: Transaction, user_id: UUID, password_hash: str, at: datetime) -> None:
        """Set the password's hash."""
        await connection.execute(NEW_HASH, {"id": user_id, "password_hash": password_hash, "at": at})

    async def rehash(self, connection: Transaction, user_id: UUID, *, known: str, password_hash: str) -> None:
        """The same password at today's cost, unless it was changed meanwhile."""
        await connection.execute(REHASH, {"id": user_id, "known": known, "password_hash": password_hash})

    async def add_session(self, connection: Transaction, user_id: UUID, session: SessionRow) -> None:
        """Write a login."""
        names = {
            "id": session.id,
            "user_id": user_id,
            "at": session.created_at,
            "expires_at": session.expires_at,
            "address": session.address,
            "user_agent": session.user_agent,
        }
        await connection.execute(ADD_SESSION, names)

    async def add_token(self, connection: Transaction, session_id: UUID, token_hash: bytes, at: datetime) -> None:
        """Write the token of a family that can be spent next."""
        await connection.execute(ADD_LINK, {"hash": token_hash, "session_id": session_id, "at": at})

    async def token(self, connection: Transaction, token_hash: bytes) -> TokenRow | None:
        """The token, locked: a second request that has it waits, and then sees that it is spent."""
        return await find_in(connection, LINK, {"hash": token_hash}, TokenRow)

    async def family(self, connection: Transaction, session_id: UUID) -> FamilyRow | None:
        """The session, locked."""
        return await find_in(connection, FAMILY, {"id": session_id}, FamilyRow)

    async def rotate(
        self, connection: Transaction, session_id: UUID, *, spent: bytes, successor: bytes, at: datetime
    ) -> None:
        """Spend one token for the next."""
        await connection.execute(SPEND, {"hash": spent, "successor": successor, "at": at})
        await self.add_token(connection, session_id, successor, at)
        await connection.execute(TOUCH, {"id": session_id, "at": at})

    async def end(
        self,
        connection: Transaction,
        user_id: UUID,
        *,
        because: str,
        at: datetime,
        only: UUID | None = None,
        keep: UUID | None = None,
    ) -> list[UUID]:
        """End the user's live sessions (or one, or all but one); the ids of those that were live."""
        names = {"user_id": user_id, "because": because, "at": at, "id": only, "keep": keep}
        return [row.id for row in await postgres.rows_of(connection, END, names, IdRow)]

    async def sessions(self, user_id: UUID, at: datetime) -> list[SessionRow]:
        """Live sessions, newest first."""
        return await self._database.fetch(SESSIONS, {"user_id": user_id, "at": at}, SessionRow)

    async def keys(self, user_id: UUID) -> list[KeyRow]:
        """Keys that are not revoked, newest first."""
        return await self._database.fetch(KEYS, {"user_id": user_id}, KeyRow)

    async def count_keys(self, connection: Transaction, user_id: UUID) -> int:
        """How many keys the user has."""
        found = await find_in(connection, COUNT_KEYS, {"user_id": user_id}, CountRow)
        return 0 if found is None else found.count

    async def add_key(self, connection: Transaction, user_id: UUID, key: NewKey, at: datetime) -> None:
        """Write a key."""
        names = {
            "id": key.id,
            "user_id": user_id,
            "name": key.name,
            "prefix": key.prefix,
            "secret_hash": key.secret_hash,
            "scopes": key.scopes,
            "expires_at": key.expires_at,
            "at": at,
        }
        await connection.execute(ADD_KEY, names)

    async def revoke_key(self, connection: Transaction, user_id: UUID, key_id: UUID, at: datetime) -> bool:
        """Whether the user had such a key."""
        return await find_in(connection, REVOKE_KEY, {"id": key_id, "user_id": user_id, "at": at}, IdRow) is not None

    async def keys_used(self, used: dict[UUID, datetime]) -> None:
        """Write down when keys were last used."""
        async with self._database.transaction() as connection:
            for key_id, at in sorted(used.items()):
                await connection.execute(KEY_USED, {"id": key_id, "at": at})

    async def purge(self, before: datetime) -> None:
        """Remove sessions that ended before an instant, with their tokens."""
        async with self._database.transaction() as connection:
            await connection.execute(PURGE, {"before": before})
