"""Identity as a room of the API."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from serving.audit.watch import Watch
from serving.auth import keys
from serving.auth.authenticator import TokenAuthenticator
from serving.auth.cookies import RefreshCookie
from serving.auth.endpoints import Identity, router
from serving.auth.gate import ApiGate
from serving.auth.key_service import USED_EVERY_S, ApiKeyNotFound, ApiKeyService, TooManyApiKeys
from serving.auth.passwords import Passwords, PasswordTooCommon
from serving.auth.repository import AuthRepository
from serving.auth.service import AuthService, Guards, LoginRefused, RegistrationClosed, WrongPassword
from serving.auth.sessions import RefreshRefused, RefreshTokenSpent, SessionNotFound, Sessions
from serving.auth.throttle import Throttle
from serving.auth.tokens import AccessTokens
from serving.kit.access import NotAllowed, NotAuthenticated
from serving.kit.limits import Limits, LimitsUnavailable, Quota
from serving.kit.rooms import Platform, Room, Services
from serving.kit.security import CrossSiteRefused


def make(platform: Platform) -> dict[str, object]:
    """The gate that every guarded route asks, and the services of identity."""
    settings, clock, database = platform.settings, platform.clock, platform.database
    folder = keys.folder_of(settings)
    keys.ensure(folder, clock)
    tokens = AccessTokens(settings.auth, folder, clock)
    limits = Limits(
        platform.redis,
        clock,
        quota=Quota("default", settings.serving.rate_per_minute),
        anonymous=Quota("anonymous", settings.serving.anonymous_rate_per_minute),
        patience_s=settings.serving.redis_patience_s,
    )
    authenticator = TokenAuthenticator(
        tokens, AuthRepository(database), clock, limits, believed_s=settings.auth.session_check_s
    )
    watch = Watch(database, clock)
    throttle = Throttle(platform.redis, limits, attempts_per_minute=settings.auth.attempts_per_minute)
    sessions = Sessions(settings.auth, database, tokens, clock)
    identity = Identity(
        users=AuthService(settings.auth, database, sessions, Guards(Passwords(settings.auth), throttle), clock),
        sessions=sessions,
        keys=ApiKeyService(database, authenticator, clock),
        authenticator=authenticator,
        cookie=RefreshCookie(settings.serving),
        origins=frozenset(settings.serving.cors_origins),
    )
    gate = ApiGate(authenticator, limits, watch)
    return {"authenticator": authenticator, "gate": gate, "limits": limits, "watch": watch, "identity": identity}


@asynccontextmanager
async def run(_: Platform, services: Services) -> AsyncIterator[None]:
    """Write refusals and the use of keys down, off the path of requests."""
    watch, identity = cast(Watch, services["watch"]), cast(Identity, services["identity"])
    async with watch.running():
        task = asyncio.create_task(_tidy(identity.keys))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _tidy(service: ApiKeyService) -> None:
    while True:
        await asyncio.sleep(USED_EVERY_S)
        await service.tidy()


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(
        NotAuthenticated,
        NotAllowed,
        LoginRefused,
        RefreshRefused,
        RefreshTokenSpent,
        CrossSiteRefused,
        RegistrationClosed,
        PasswordTooCommon,
        WrongPassword,
        SessionNotFound,
        ApiKeyNotFound,
        TooManyApiKeys,
        LimitsUnavailable,
    ),
    tags=(("auth", "Users, logins and API keys."),),
    run=run,
)
