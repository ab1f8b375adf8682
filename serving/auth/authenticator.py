"""Proves who sent a request, by access token or API key.

What was proved is believed for `auth.session_check_s`, so a hot caller costs neither a signature check nor a round
trip; within that time a revoked session or key, a disabled user or a changed role comes into force.
"""

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.requests import HTTPConnection

from lakehouse.clock import Clock
from serving.auth import api_keys
from serving.auth.repository import AuthRepository
from serving.auth.tokens import AccessTokens
from serving.kit.access import ADMIN_ONLY, API_KEY_HEADER, USER_SCOPES, NotAuthenticated, Principal, Scope
from serving.kit.limits import Limits, address_key

ACTIVE = "active"
ADMIN = "admin"
MAX_PROVED = 10_000
_NO_KEY = "The API key is not valid (any more)."

Prove = Callable[[str], Awaitable[tuple[Principal, float]]]


@dataclass(frozen=True, slots=True)
class _Proved:
    principal: Principal
    until: float  # of the monotonic clock


class TokenAuthenticator:
    """Reads `Authorization: Bearer TOKEN`, or `X-API-Key: KEY`."""

    def __init__(
        self, tokens: AccessTokens, repository: AuthRepository, clock: Clock, limits: Limits, *, believed_s: float
    ) -> None:
        self._tokens = tokens
        self._repository = repository
        self._clock = clock
        self._limits = limits
        self._believed_s = believed_s
        self._proved: dict[bytes, _Proved] = {}
        self._proving: dict[bytes, asyncio.Task[Principal]] = {}
        self.used_keys: dict[UUID, datetime] = {}

    async def principal(self, connection: HTTPConnection) -> Principal:
        """The caller. Raises NotAuthenticated, PostgresUnavailable, and TooManyRequests before a proof is looked at
        for an address that has just used up what it may send without a valid one."""
        given = connection.headers.get("authorization")
        key = connection.headers.get(API_KEY_HEADER)
        if given is not None:  # a wrong one is refused, also beside a right key
            scheme, _, token = given.partition(" ")
            if token and scheme.lower() == "bearer":
                return await self._believed(token, self._prove_token, connection)
        elif key:
            return await self._believed(key, self._prove_key, connection)
        raise NotAuthenticated("Send `Authorization: Bearer TOKEN`; POST /api/v1/auth/login gives a token.")

    async def of_token(self, token: str) -> Principal:
        """The user of an access token, for callers that have it from elsewhere than a header (sockets).

        Asking again, any time later, tells whether it still holds. Raises NotAuthenticated and PostgresUnavailable.
        """
        return await self._believed(token, self._prove_token)

    def forget(self, user_id: UUID) -> None:
        """Prove a user's next request anew: a right was just taken or given."""
        self._proved = {name: kept for name, kept in self._proved.items() if kept.principal.user_id != user_id}

    async def _believed(self, secret: str, prove: Prove, connection: HTTPConnection | None = None) -> Principal:
        name = hashlib.blake2b(secret.encode("utf-8", "replace"), digest_size=32).digest()
        kept = self._proved.get(name)
        if kept is not None and self._clock.monotonic() < kept.until:
            return kept.principal
        if connection is not None:
            state = connection.scope["state"]
            self._limits.refuse_exhausted(state, address_key(state), self._limits.anonymous)
        running = self._proving.get(name)
        if running is None:
            running = self._proving[name] = asyncio.create_task(self._prove(name, secret, prove))
            running.add_done_callback(lambda _: self._proving.pop(name, None))
        return await asyncio.shield(running)

    async def _prove(self, name: bytes, secret: str, prove: Prove) -> Principal:
        started = self._clock.monotonic()
        self._proved.pop(name, None)
        principal, expires_in = await prove(secret)
        if len(self._proved) >= MAX_PROVED:
            del self._proved[next(iter(self._proved))]
        self._proved[name] = _Proved(principal, started + min(self._believed_s, expires_in))
        return principal

    async def _prove_token(self, token: str) -> tuple[Principal, float]:
        claims = self._tokens.verify(token)
        state = await self._repository.session_state(claims.session_id, claims.user_id)
        if state is None or state.status != ACTIVE:
            raise NotAuthenticated("The user may not log in any more.")
        if state.ended_at is not None or state.expires_at <= self._clock.now():
            raise NotAuthenticated("The session has ended: log in again.")
        principal = Principal(
            claims.user_id, scopes_of(state.role), is_admin=state.role == ADMIN, session_id=claims.session_id
        )
        return principal, claims.expires_at - self._clock.now().timestamp()

    async def _prove_key(self, text: str) -> tuple[Principal, float]:
        key = api_keys.parse(text)
        state = None if key is None else await self._repository.key_state(key.prefix)
        if key is None or state is None or not key.matches(bytes(state.secret_hash)):
            raise NotAuthenticated(_NO_KEY)
        now = self._clock.now()
        if state.revoked_at is not None or state.status != ACTIVE:
            raise NotAuthenticated(_NO_KEY)
        if state.expires_at is not None and state.expires_at <= now:
            raise NotAuthenticated("The API key has expired: make a new one.")
        self.used_keys[state.id] = now
        scopes = frozenset(Scope(name) for name in state.scopes.split()) & scopes_of(state.role)
        principal = Principal(state.user_id, scopes, is_admin=Scope.ADMIN in scopes, api_key_id=state.id)
        return principal, math.inf if state.expires_at is None else (state.expires_at - now).total_seconds()


def scopes_of(role: str) -> frozenset[Scope]:
    """What a session of a user of this role may do."""
    return USER_SCOPES | ADMIN_ONLY if role == ADMIN else USER_SCOPES
