"""Access tokens: JWTs of one pinned algorithm, with issuer, audience, times, type and key id."""

import math
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import jwt

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import AuthSettings
from serving.auth import keys
from serving.auth.keys import KeyRing
from serving.kit.access import NotAuthenticated

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
REQUIRED = ("iss", "aud", "exp", "nbf", "iat", "sub", "sid", "jti")
LEEWAY_S = 5
REREAD_S = 2.0  # how long a retired key may still be believed, and how often an unknown one makes us look


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says: who, in which session, until when (seconds since 1970)."""

    user_id: UUID
    session_id: UUID
    expires_at: int


class AccessTokens:
    """Issues and verifies tokens. The ring is read again every few seconds, where its folder has changed."""

    def __init__(self, section: AuthSettings, folder: Path, clock: Clock) -> None:
        self._section = section
        self._folder = folder
        self._clock = clock
        self._ring: KeyRing | None = None
        self._names: frozenset[str] = frozenset()
        self._read_at = -math.inf

    def issue(self, user_id: UUID, session_id: UUID) -> str:
        """A token for one session of a user."""
        key = self._read().signing
        now = self._clock.now()
        claims = {
            "iss": self._section.issuer,
            "aud": self._section.audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": uuid7(self._clock).hex,
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self._section.access_ttl_s),
        }
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})

    def verify(self, token: str) -> Claims:
        """The claims of a valid token. Raises NotAuthenticated, without saying more than a client needs."""
        try:
            key = self._key_of(jwt.get_unverified_header(token))
            found = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                issuer=self._section.issuer,
                audience=self._section.audience,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            claims = Claims(UUID(str(found["sub"])), UUID(str(found["sid"])), int(found["exp"]))
            self._check_times(claims.expires_at, int(found["nbf"]))
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise NotAuthenticated("The access token is not valid: log in, or refresh it.") from error
        return claims

    def forget(self) -> None:
        """Read the ring again at the next token: a key was removed or added."""
        self._read_at = -math.inf

    def _check_times(self, expires_at: int, not_before: int) -> None:
        now = self._clock.now().timestamp()
        if now >= expires_at:
            raise NotAuthenticated("The access token has expired: POST /api/v1/auth/refresh gives a new one.")
        if now + LEEWAY_S < not_before:
            raise NotAuthenticated("The access token is not valid yet: check the clocks.")

    def _key_of(self, header: dict[str, object]) -> keys.SigningKey:
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not isinstance(kid, str):
            raise jwt.InvalidTokenError("not one of our tokens")
        if kid not in self._read().keys:
            self.forget()
        try:
            return self._read().keys[kid]
        except KeyError:
            raise jwt.InvalidTokenError("signed by no key of ours") from None

    def _read(self) -> KeyRing:
        now = self._clock.monotonic()
        if self._ring is None or now >= self._read_at + REREAD_S:
            names = frozenset(path.name for path in self._folder.glob("*.pem"))
            if self._ring is None or names != self._names:
                self._ring, self._names = keys.load(self._folder), names
            self._read_at = now
        return self._ring
