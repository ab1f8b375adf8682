"""Who asks and what they may do: every route names a scope, and no route answers without one unless it is public."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Protocol
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from serving.kit.context import USER
from serving.kit.problems import ApiError

API_KEY_HEADER = "X-API-Key"


class Scope(StrEnum):
    """The closed set of permissions; `read` never changes anything."""

    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    PORTFOLIOS_READ = "portfolios:read"
    PORTFOLIOS_WRITE = "portfolios:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    MARKET_READ = "market:read"
    MARKET_WRITE = "market:write"
    RISK_READ = "risk:read"
    RISK_WRITE = "risk:write"
    CHAIN_READ = "chain:read"
    CHAIN_WRITE = "chain:write"
    ADMIN = "admin"


ADMIN_ONLY = frozenset({Scope.ADMIN, Scope.MARKET_WRITE})
USER_SCOPES = frozenset(Scope) - ADMIN_ONLY
READ_SCOPES = frozenset(scope for scope in USER_SCOPES if scope.endswith(":read"))


class NotAuthenticated(ApiError):
    """No token or key was sent, or it is not valid (any more)."""

    status = 401
    code = "not_authenticated"
    title = "Log in first"
    always: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="tidemark"'}


class NotAllowed(ApiError):
    """The token or key lacks the scope, or the user the role, that the route asks for."""

    status = 403
    code = "not_allowed"
    title = "This is not allowed to you"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user, with what the token or key at hand allows.

    An admin reads what everybody owns; everybody, admins too, writes only what is their own.
    """

    user_id: UUID
    scopes: frozenset[Scope]
    is_admin: bool = False
    session_id: UUID | None = None
    api_key_id: UUID | None = None

    def require(self, scope: Scope) -> None:
        """Raise NotAllowed where `scope` is not among the principal's."""
        if scope not in self.scopes:
            raise NotAllowed(f"This needs the scope {scope}: ask for a token or key that has it.")

    @property
    def reader(self) -> dict[str, object]:
        """Parameters of OWNED: every read of an owned object is bound by them."""
        return {"reader": self.user_id, "reads_all": self.is_admin}


class Authenticator(Protocol):
    """Proves who asks."""

    async def principal(self, connection: HTTPConnection) -> Principal:
        """The principal of a request or socket. Raises NotAuthenticated, and ApiError where it cannot be checked."""
        ...


class Gate(Protocol):
    """Where every request passes: who asks, how often, and whether they may."""

    async def admit(self, connection: HTTPConnection, scope: Scope) -> Principal:
        """The principal, counted against its quota. Raises NotAuthenticated, NotAllowed and TooManyRequests."""
        ...

    async def admit_anybody(self, connection: HTTPConnection) -> None:
        """Count a request that needs no principal against its address. Raises TooManyRequests."""
        ...


class _Token(HTTPBearer):
    """Stands in the document; the gate reads the header itself."""

    async def __call__(self, request: Request) -> None:
        return None


class _Key(APIKeyHeader):
    """The same for keys."""

    async def __call__(self, request: Request) -> None:
        return None


bearer = _Token(
    bearerFormat="JWT", description="access token of POST /api/v1/auth/login", scheme_name="token", auto_error=False
)
api_key = _Key(
    name=API_KEY_HEADER, description="key of POST /api/v1/auth/api-keys", scheme_name="key", auto_error=False
)


def _guard(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    async def guard(
        request: Request,
        _token: Annotated[object, Security(bearer)],
        _key: Annotated[object, Security(api_key)],
    ) -> Principal:
        gate: Gate = request.state.gate
        principal = await gate.admit(request, scope)
        request.scope["state"][USER] = principal.user_id  # every log line of the request has it
        return principal

    return guard


async def _anybody(request: Request) -> None:
    gate: Gate = request.state.gate
    await gate.admit_anybody(request)


ANYBODY = Depends(_anybody)
"""The dependency of a route that is public by design: it is counted by address."""


GUARDS = {scope: _guard(scope) for scope in Scope}


def allowed(scope: Scope) -> object:
    """The dependency of a route that asks for `scope`; its value is the Principal.

    `principal: Annotated[Principal, allowed(Scope.ORDERS_WRITE)]`
    """
    return Security(GUARDS[scope], scopes=[scope.value])
