"""Add, list and disable users of the API."""

import re
import secrets
import sys
from dataclasses import dataclass
from typing import Annotated, Final, LiteralString

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.clock import SystemClock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load
from lakehouse.stores import postgres
from serving.audit.chain import Content
from serving.audit.log import APPEND, parameters
from serving.auth.passwords import LONGEST, SHORTEST, Passwords, refuse_common
from serving.auth.schemas import EMAIL_PATTERN, Role

ADD: Final[LiteralString] = """
    INSERT INTO auth.app_user (id, email, display_name, password_hash, role)
    VALUES (%(id)s, %(email)s, %(display_name)s, %(password_hash)s, %(role)s)
    ON CONFLICT (email) DO NOTHING RETURNING id
"""
LIST: Final[LiteralString] = """
    SELECT id, email, display_name, role, status, created_at FROM auth.app_user
    WHERE email <> 'system@tidemark.invalid' ORDER BY id
"""
DISABLE: Final[LiteralString] = """
    UPDATE auth.app_user SET status = 'disabled', version = version + 1, updated_at = now()
    WHERE email = %(email)s AND status = 'active' RETURNING id
"""
END: Final[LiteralString] = """
    UPDATE auth.session SET ended_at = now(), ended_because = 'disabled' WHERE user_id = %(id)s AND ended_at IS NULL
"""

CLOCK = SystemClock()
user = typer.Typer(help="Users of the API.", no_args_is_help=True, pretty_exceptions_enable=False)


class UserCommandError(TidemarkError):
    """A user that cannot be added or disabled."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A password, and whether we made it up."""

    text: str
    is_generated: bool


@user.command()
def add(
    email: Annotated[str, typer.Argument(help="address to log in by")],
    name: Annotated[str, typer.Option(help="name for people; by default, what stands before the @")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="make an administrator")] = False,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from stdin")] = False,
) -> None:
    """Add a user. Without a terminal and without --password-stdin a password is made up and printed once."""
    settings = load()
    added = add_user(
        settings, email, name=name, role=Role.ADMIN if admin else Role.USER, chosen=_choose(password_stdin)
    )
    console = Console()
    console.print(f"added {email.lower()} as {Role.ADMIN if admin else Role.USER}", highlight=False)
    if added.is_generated:
        console.print(f"password, shown this once: {added.text}", highlight=False, markup=False)


@user.command("list")
def list_users() -> None:
    """List the users."""
    shown = Table("id", "email", "name", "role", "status", "since")
    with postgres.connect(load().postgres) as connection:
        for row in connection.execute(LIST):
            shown.add_row(*(f"{value:%Y-%m-%d}" if index == 5 else str(value) for index, value in enumerate(row)))
    Console().print(shown)


@user.command()
def disable(email: Annotated[str, typer.Argument(help="address of the user")]) -> None:
    """Refuse a user from now on: sessions end, keys and tokens are refused within seconds."""
    with postgres.connect(load().postgres) as connection:
        found = connection.execute(DISABLE, {"email": email.lower()}).fetchone()
        if found is None:
            raise UserCommandError(f"there is no active user {email}: `tidemark user list` shows all")
        connection.execute(END, {"id": found[0]})
        connection.execute(APPEND, parameters(_told("user.disabled", str(found[0]))))
    Console().print(f"disabled {email.lower()}", highlight=False)


def add_user(settings: Settings, email: str, *, name: str, role: Role, chosen: Chosen) -> Chosen:
    """Write the user. Raises UserCommandError where the address is taken or none, or the password too weak."""
    _check(email, chosen.text)
    names = {
        "id": uuid7(CLOCK),
        "email": email.lower(),
        "display_name": name or email.partition("@")[0],
        "password_hash": Passwords(settings.auth).hash_now(chosen.text),
        "role": role.value,
    }
    with postgres.connect(settings.postgres) as connection:
        if connection.execute(ADD, names).fetchone() is None:
            raise UserCommandError(f"{email.lower()} is a user already")
        told = _told("user.added", str(names["id"]), {"role": role.value})
        connection.execute(APPEND, parameters(told))
    return chosen


def _check(email: str, password: str) -> None:
    if not re.fullmatch(EMAIL_PATTERN, email):
        raise UserCommandError(f"{email} is no e-mail address")
    if not SHORTEST <= len(password) <= LONGEST:
        raise UserCommandError(f"a password has {SHORTEST} to {LONGEST} characters")
    refuse_common(password, email.lower())


def _choose(from_stdin: bool) -> Chosen:
    if from_stdin:
        return Chosen(sys.stdin.readline().rstrip("\n"), is_generated=False)
    if sys.stdin.isatty():
        return Chosen(typer.prompt("Password", hide_input=True, confirmation_prompt=True), is_generated=False)
    return Chosen(secrets.token_urlsafe(18), is_generated=True)


def _told(action: str, object_id: str, after: object = None) -> Content:
    return Content(
        id=uuid7(CLOCK),
        occurred_at=CLOCK.now(),
        actor_id=None,
        actor_kind="system",
        action=action,
        object_kind="user",
        object_id=object_id,
        before=None,
        after=after,
        request_id="",
        address="",
    )
