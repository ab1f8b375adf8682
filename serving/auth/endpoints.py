"""Routes of identity: they translate, the services decide."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from serving.auth.authenticator import TokenAuthenticator
from serving.auth.cookies import RefreshCookie
from serving.auth.key_service import ApiKeyService
from serving.auth.schemas import (
    AccessToken,
    ApiKeyCreate,
    ApiKeyList,
    ApiKeyMade,
    Credentials,
    Me,
    MePatch,
    PasswordChange,
    Registered,
    Registration,
    SessionList,
)
from serving.auth.service import AuthService
from serving.auth.sessions import Caller, Grant, RefreshRefused, Sessions
from serving.kit.access import ANYBODY, Principal, Scope, allowed
from serving.kit.context import address_of
from serving.kit.openapi import Responses, guarded
from serving.kit.security import CSRF_HEADER, refuse_cross_site
from serving.kit.types import Optionally

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

NO_CONTENT = 204
COOKIE: Responses = {
    200: {"headers": {"Set-Cookie": {"description": "the refresh token", "schema": {"type": "string"}}}}
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The services of this room."""

    users: AuthService
    sessions: Sessions
    keys: ApiKeyService
    authenticator: TokenAuthenticator
    cookie: RefreshCookie
    origins: frozenset[str]


async def identity_of(request: Request) -> Identity:
    """The services that the wiring made."""
    identity: Identity = request.state.identity
    return identity


async def caller_of(request: Request) -> Caller:
    """Where the request comes from."""
    return Caller(address_of(request.scope["state"]), request.headers.get("user-agent", ""))


Services = Annotated[Identity, Depends(identity_of)]
From = Annotated[Caller, Depends(caller_of)]
Reader = Annotated[Principal, allowed(Scope.PROFILE_READ)]
Writer = Annotated[Principal, allowed(Scope.PROFILE_WRITE)]
Custom = Annotated[
    Optionally[Annotated[str, Header(pattern="^[A-Za-z0-9_-]{1,40}$")]],
    Header(
        alias=CSRF_HEADER,
        description="any word, needed wherever the cookie counts: pages of other sites cannot send it",
        examples=["tidemark"],
    ),
]


@router.post(
    "/register",
    status_code=202,
    summary="Register",
    responses=guarded(409),
    dependencies=[ANYBODY],
)
async def register(body: Registration, services: Services, caller: From) -> Registered:
    """A new user of the role `user`. The answer is the same where the address was taken: log in to find out."""
    await services.users.register(body, caller)
    return Registered(status="accepted", next="/api/v1/auth/login")


@router.post("/login", summary="Log in", responses={**COOKIE, **guarded()}, dependencies=[ANYBODY])
async def login(body: Credentials, response: Response, services: Services, caller: From) -> AccessToken:
    """An access token for some minutes in the body, and a refresh token in a cookie that no script can read.

    After five wrong passwords for an account the pauses double (429 with `Retry-After`).
    """
    return _granted(await services.users.login(body, caller), response, services)


@router.post("/refresh", summary="Refresh a session", responses={**COOKIE, **guarded(409)}, dependencies=[ANYBODY])
async def refresh(request: Request, response: Response, services: Services, _word: Custom = None) -> AccessToken:
    """A new access token, and a new cookie in place of the one sent. A spent cookie that comes again ends the session.

    Of two requests with one cookie one wins; the other gets 409, and the session goes on.
    """
    refuse_cross_site(request, services.origins)
    token = services.cookie.read(request)
    if token is None:
        raise RefreshRefused("The request has no refresh cookie: log in.")
    return _granted(await services.sessions.refresh(token), response, services)


@router.post("/logout", status_code=NO_CONTENT, summary="Log out", responses=guarded(), dependencies=[ANYBODY])
async def logout(request: Request, services: Services, _word: Custom = None) -> Response:
    """Ends the session of the token, or of the cookie where no token is sent. Its access tokens die within seconds."""
    if "authorization" in request.headers:
        principal = await services.authenticator.principal(request)
        await services.sessions.end_current(principal)
        services.authenticator.forget(principal.user_id)
    else:
        await _end_by_cookie(request, services)
    response = Response(status_code=NO_CONTENT)
    services.cookie.clear(response)
    return response


@router.get("/me", summary="Who am I?", responses=guarded())
async def me(services: Services, principal: Reader) -> Me:
    """The user of the token or key, and what it may do."""
    return await services.users.me(principal)


@router.patch("/me", summary="Change my name", responses=guarded())
async def update_me(body: MePatch, services: Services, principal: Writer) -> Me:
    """A merge patch: fields that are left out stay."""
    return await services.users.update(principal, body)


@router.post("/change-password", status_code=NO_CONTENT, summary="Change my password", responses=guarded(409))
async def change_password(body: PasswordChange, services: Services, caller: From, principal: Writer) -> Response:
    """Every other session ends. API keys stay: revoke them by themselves. A wrong current password is 403."""
    await services.users.change_password(principal, body, caller)
    services.authenticator.forget(principal.user_id)
    return Response(status_code=NO_CONTENT)


@router.get("/sessions", summary="List my sessions", responses=guarded())
async def list_sessions(services: Services, principal: Reader) -> SessionList:
    """Logins that have not ended, newest first, at most 200."""
    return await services.sessions.page(principal)


@router.delete(
    "/sessions/{session_id}", status_code=NO_CONTENT, summary="End a session of mine", responses=guarded(404)
)
async def end_session(
    session_id: Annotated[UUID, Path(description="id of the session")], services: Services, principal: Writer
) -> Response:
    """Its refresh token is refused at once, its access tokens within seconds."""
    await services.sessions.revoke(principal, session_id)
    services.authenticator.forget(principal.user_id)
    return Response(status_code=NO_CONTENT)


@router.post("/api-keys", status_code=201, summary="Make an API key", responses=guarded(409))
async def create_api_key(body: ApiKeyCreate, services: Services, principal: Writer) -> ApiKeyMade:
    """A key for a program, with scopes of its own. Its secret is in this answer and nowhere else."""
    return await services.keys.create(principal, body)


@router.get("/api-keys", summary="List my API keys", responses=guarded())
async def list_api_keys(services: Services, principal: Reader) -> ApiKeyList:
    """Keys that are not revoked, newest first, without their secrets."""
    return await services.keys.page(principal)


@router.delete("/api-keys/{api_key_id}", status_code=NO_CONTENT, summary="Revoke an API key", responses=guarded(404))
async def revoke_api_key(
    api_key_id: Annotated[UUID, Path(description="id of the key")], services: Services, principal: Writer
) -> Response:
    """It is refused within seconds, for good."""
    await services.keys.revoke(principal, api_key_id)
    return Response(status_code=NO_CONTENT)


def _granted(grant: Grant, response: Response, services: Identity) -> AccessToken:
    services.cookie.set(response, grant.refresh_token, grant.expires_at)
    return grant.access


async def _end_by_cookie(request: Request, services: Identity) -> None:
    token = services.cookie.read(request)
    if token is None:
        return
    refuse_cross_site(request, services.origins)
    user_id = await services.sessions.logout(token)
    if user_id is not None:
        services.authenticator.forget(user_id)
