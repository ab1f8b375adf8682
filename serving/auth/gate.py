"""Where every request passes: who asks, how often, and whether they may; who is refused is written down."""

from starlette.requests import HTTPConnection

from serving.audit.watch import Watch
from serving.kit.access import Authenticator, NotAllowed, NotAuthenticated, Principal, Scope
from serving.kit.limits import Limits, address_key


class ApiGate:
    """The gate of the guarded routes."""

    def __init__(self, authenticator: Authenticator, limits: Limits, watch: Watch) -> None:
        self._authenticator = authenticator
        self._limits = limits
        self._watch = watch

    async def admit(self, connection: HTTPConnection, scope: Scope) -> Principal:
        """The principal, counted against its own quota; who cannot prove anything is counted by address.

        Raises NotAuthenticated, NotAllowed, TooManyRequests and PostgresUnavailable.
        """
        state = connection.scope["state"]
        limits = self._limits
        try:
            principal = await self._authenticator.principal(connection)
        except NotAuthenticated as error:
            self._watch.refused(connection, None, error)
            await limits.charge(state, address_key(state), limits.anonymous)
            raise
        caller = f"key:{principal.api_key_id}" if principal.api_key_id else f"user:{principal.user_id}"
        await limits.charge(state, caller, limits.quota)
        try:
            principal.require(scope)
        except NotAllowed as error:
            self._watch.refused(connection, principal, error)
            raise
        return principal

    async def admit_anybody(self, connection: HTTPConnection) -> None:
        """Count a request that needs no principal. Raises TooManyRequests."""
        state = connection.scope["state"]
        await self._limits.charge(state, address_key(state), self._limits.anonymous)
