"""Tokens for a shell: `curl -H "Authorization: Bearer $(.venv/bin/tidemark token)" ...`."""

import sys
from typing import Annotated
from uuid import UUID

import httpx
import typer

from lakehouse.errors import TidemarkError
from lakehouse.local import envfile
from lakehouse.local.home import Home
from lakehouse.settings import Settings, load

DEMO_EMAIL = "demo@example.com"
DEMO_NAME = "Demo"
TIMEOUT_S = 30.0
UNAUTHORIZED = 401


class LoginRefusedError(TidemarkError):
    """The API did not let the user in, or does not answer."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(token)


def token(
    email: Annotated[str, typer.Option(help="User to log in; the demo's password is known, others are asked for.")] = (
        DEMO_EMAIL
    ),
) -> None:
    """Log in to the API and print an access token, which is good for some minutes."""
    settings = load()
    sys.stdout.write(token_of(settings, email) + "\n")


def token_of(settings: Settings, email: str) -> str:
    """An access token of `email`, whose password is asked for unless it is the demo's. Raises LoginRefusedError."""
    password = demo_password(settings) if email == DEMO_EMAIL else typer.prompt("password", hide_input=True, err=True)
    return access_token(settings.serving.url, email, password)


def demo_password(settings: Settings) -> str:
    """What `tidemark up` generated for the demo's user. Raises LoginRefusedError without an embedded stack."""
    try:
        return envfile.read(Home(settings.home).stack_env).local_secret("DEMO_PASSWORD")
    except KeyError:
        raise LoginRefusedError("there is no demo user here: `tidemark demo` makes one, or give --email") from None


def access_token(api_url: str, email: str, password: str) -> str:
    """An access token of a new session. Raises LoginRefusedError."""
    answer = _post(api_url, "login", {"email": email, "password": password})
    if answer.status_code != httpx.codes.OK:
        raise LoginRefusedError(f"{email} cannot log in: {_detail(answer)}")
    return str(answer.json()["access_token"])


def ensure_demo_user(settings: Settings) -> tuple[UUID, str]:
    """Id and an access token of the demo's user, who is registered first where needed. Raises LoginRefusedError."""
    url, password = settings.serving.url, demo_password(settings)
    known = _post(url, "login", {"email": DEMO_EMAIL, "password": password})
    if known.status_code == UNAUTHORIZED:
        made = _post(url, "register", {"email": DEMO_EMAIL, "password": password, "display_name": DEMO_NAME})
        if made.is_error:
            raise LoginRefusedError(f"the demo's user cannot be registered: {_detail(made)}")
    access = access_token(url, DEMO_EMAIL, password)
    me = httpx.get(f"{url}/api/v1/auth/me", headers={"Authorization": f"Bearer {access}"}, timeout=TIMEOUT_S)
    if me.is_error:
        raise LoginRefusedError(f"the demo's user cannot be read: {_detail(me)}")
    return UUID(me.json()["id"]), access


def _post(api_url: str, action: str, body: dict[str, str]) -> httpx.Response:
    try:
        return httpx.post(f"{api_url}/api/v1/auth/{action}", json=body, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        raise LoginRefusedError(
            f"the API at {api_url} does not answer ({error}): `tidemark status` says why"
        ) from error


def _detail(answer: httpx.Response) -> str:
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return str(answer.json()["detail"]) if is_problem else f"status {answer.status_code}"
