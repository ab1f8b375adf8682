"""Sessions: families of refresh tokens, of which exactly one can be spent next, once.

A token that was spent already is refused. Within `auth.refresh_grace_s` that is all (two tabs refreshed at once);
later it means that somebody has a copy, and the whole session ends.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import AuthSettings
from lakehouse.stores.postgres import Transaction
from serving.audit.log import record
from serving.auth.repository import AuthRepository, FamilyRow, SessionRow
from serving.auth.schemas import AccessToken, SessionList, SessionOut, UserStatus
from serving.auth.tokens import AccessTokens
from serving.kit.access import USER_SCOPES, NotAllowed, NotAuthenticated, Principal
from serving.kit.database import Database
from serving.kit.problems import ApiError

TOKEN_BYTES = 32
LONGEST_AGENT = 200


class SessionNotFound(ApiError):
    """The user has no live session of this id."""

    status = 404
    code = "session_not_found"
    title = "No such session"


class RefreshRefused(NotAuthenticated):
    """The refresh token is missing, unknown, or of a session that has ended."""

    code = "refresh_refused"
    title = "The session has ended"


class RefreshTokenSpent(ApiError):
    """The refresh token was exchanged a moment ago, by another request of the same program: use what that one got."""

    status = 409
    code = "refresh_token_spent"
    title = "This refresh token was just used"
    retryable = True


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from."""

    address: str
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login or refresh hands out: the access token for the body, the refresh token for the cookie."""

    access: AccessToken
    refresh_token: str
    expires_at: datetime


class Sessions:
    """Starts, refreshes, lists and ends sessions."""

    def __init__(self, section: AuthSettings, database: Database, tokens: AccessTokens, clock: Clock) -> None:
        self._section = section
        self._database = database
        self._repository = AuthRepository(database)
        self._tokens = tokens
        self._clock = clock

    async def start(self, connection: Transaction, user_id: UUID, caller: Caller) -> Grant:
        """A new session of a user who has just proved who they are."""
        now = self._clock.now()
        session = SessionRow(
            id=uuid7(self._clock),
            created_at=now,
            expires_at=now + timedelta(seconds=self._section.refresh_ttl_s),
            last_used_at=now,
            address=caller.address[:64],
            user_agent=caller.user_agent[:LONGEST_AGENT],
        )
        token = _new_token()
        await self._repository.add_session(connection, user_id, session)
        await self._repository.add_token(connection, session.id, hash_of(token), now)
        principal = Principal(user_id, USER_SCOPES, session_id=session.id)
        await self._told(connection, principal, "session.started", session.id)
        return self._grant(user_id, session.id, token, session.expires_at)

    async def refresh(self, token: str) -> Grant:
        """The next tokens of a session. Raises RefreshRefused and RefreshTokenSpent."""
        async with self._database.transaction() as connection:
            outcome = await self._spend(connection, token)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def logout(self, token: str) -> UUID | None:
        """End the session of a refresh token; the user whose it was. An unknown token ends nothing."""
        async with self._database.transaction() as connection:
            row = await self._repository.token(connection, hash_of(token))
            family = None if row is None else await self._repository.family(connection, row.session_id)
            if family is None:
                return None
            await self._end_one(connection, Principal(family.user_id, frozenset(), session_id=family.id), family.id)
        return family.user_id

    async def end_current(self, principal: Principal) -> None:
        """End the session of the token at hand."""
        async with self._database.transaction() as connection:
            if principal.session_id is not None:
                await self._end_one(connection, principal, principal.session_id)

    async def revoke(self, principal: Principal, session_id: UUID) -> None:
        """End one of the caller's sessions. Raises NotAllowed for an API key, and SessionNotFound."""
        require_session(principal)
        async with self._database.transaction() as connection:
            if not await self._end_one(connection, principal, session_id, because="revoked"):
                raise SessionNotFound(f"You have no live session {session_id}; GET /api/v1/auth/sessions lists them.")

    async def end(
        self, connection: Transaction, user_id: UUID, *, because: str, keep: UUID | None = None
    ) -> list[UUID]:
        """End all sessions of a user, or all but one; the ids of those that were live."""
        return await self._repository.end(connection, user_id, because=because, at=self._clock.now(), keep=keep)

    async def page(self, principal: Principal) -> SessionList:
        """The caller's live sessions."""
        rows = await self._repository.sessions(principal.user_id, self._clock.now())
        return SessionList(data=[_session(row, principal) for row in rows])

    async def _spend(self, connection: Transaction, token: str) -> Grant | ApiError:
        """A refusal is returned, not raised, where ending the session must be committed."""
        now = self._clock.now()
        spent = hash_of(token)
        row = await self._repository.token(connection, spent)
        family = None if row is None else await self._repository.family(connection, row.session_id)
        if row is None or family is None or _is_over(family, now):
            return RefreshRefused("Log in again.")
        if row.spent_at is not None:
            return await self._spent_again(connection, family, row.spent_at)
        successor = _new_token()
        await self._repository.rotate(connection, family.id, spent=spent, successor=hash_of(successor), at=now)
        return self._grant(family.user_id, family.id, successor, family.expires_at)

    async def _spent_again(self, connection: Transaction, family: FamilyRow, spent_at: datetime) -> ApiError:
        now = self._clock.now()
        if now - spent_at <= timedelta(seconds=self._section.refresh_grace_s):
            return RefreshTokenSpent("Another request has refreshed this session: use the newer cookie.")
        await self._repository.end(connection, family.user_id, because="reuse", at=now, only=family.id)
        await self._told(connection, None, "session.reuse_detected", family.id)
        return RefreshRefused("A refresh token was used twice, so the session has ended: log in again.")

    async def _end_one(
        self, connection: Transaction, principal: Principal, session_id: UUID, *, because: str = "logout"
    ) -> bool:
        ended = await self._repository.end(
            connection, principal.user_id, because=because, at=self._clock.now(), only=session_id
        )
        if ended:
            await self._told(connection, principal, "session.ended", session_id)
        return bool(ended)

    async def _told(self, connection: Transaction, principal: Principal | None, action: str, session_id: UUID) -> None:
        await record(connection, principal, action, clock=self._clock, object_kind="session", object_id=session_id)

    def _grant(self, user_id: UUID, session_id: UUID, token: str, expires_at: datetime) -> Grant:
        access = AccessToken(
            access_token=self._tokens.issue(user_id, session_id),
            expires_in=self._section.access_ttl_s,
            session_id=session_id,
        )
        return Grant(access, token, expires_at)


def require_session(principal: Principal) -> None:
    """Raise NotAllowed for an API key: a stolen key must not lock its user out, or make itself another one."""
    if principal.session_id is None:
        raise NotAllowed("This needs a login: API keys may not change how a user proves who they are.")


def hash_of(token: str) -> bytes:
    """What is stored of a refresh token. No salt: nobody guesses 256 bits."""
    return hashlib.sha256(token.encode()).digest()


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _is_over(family: FamilyRow, now: datetime) -> bool:
    return family.ended_at is not None or family.expires_at <= now or family.status != UserStatus.ACTIVE


def _session(row: SessionRow, principal: Principal) -> SessionOut:
    return SessionOut(
        id=row.id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        address=row.address,
        user_agent=row.user_agent,
        is_current=row.id == principal.session_id,
    )
