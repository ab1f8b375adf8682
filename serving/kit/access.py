"""Who asks and what they may do: every route names a scope, and no route answers without one unless it is public."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

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


bearer = HTTPBearer(
    bearerFormat="JWT", description="access token of POST /api/v1/auth/login", scheme_name="token", auto_error=False
)
api_key = APIKeyHeader(
    name=API_KEY_HEADER, description="key of POST /api/v1/auth/api-keys", scheme_name="key", auto_error=False
)


def _guard(scope: Scope) -> Callable[..., Awaitable[Principal]]:
    async def guard(
        request: Request,
        _token: Annotated[object, Security(bearer)],
        _key: Annotated[object, Security(api_key)],
    ) -> Principal:
        authenticator: Authenticator = request.state.authenticator
        principal = await authenticator.principal(request)
        principal.require(scope)
        return principal

    return guard


GUARDS = {scope: _guard(scope) for scope in Scope}


def allowed(scope: Scope) -> object:
    """The dependency of a route that asks for `scope`; its value is the Principal.

    `principal: Annotated[Principal, allowed(Scope.ORDERS_WRITE)]`
    """
    return Security(GUARDS[scope], scopes=[scope.value])
