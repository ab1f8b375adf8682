"""Who is asking: the owner of the marts or the read-only analyst."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.errors import TidemarkError
from lakehouse.local.clickhouse.errors import ClickHouseError
from lakehouse.settings import ClickHouseSettings


class CredentialError(TidemarkError):
    """The settings name no usable owner."""


class Role(StrEnum):
    """What a user may do: everything, or read the marts within limits."""

    OWNER = "owner"
    ANALYST = "analyst"


@dataclass(frozen=True, slots=True)
class User:
    """A name with its rights."""

    name: str
    role: Role


class Users:
    """The users that the settings define. A user without a password does not exist."""

    def __init__(self, section: ClickHouseSettings) -> None:
        owner = section.password.get_secret_value()
        analyst = section.analyst_password.get_secret_value()
        if not section.user or not owner:
            raise CredentialError(
                "clickhouse.user or clickhouse.password is empty and there are no default credentials: "
                "set TIDEMARK_CLICKHOUSE__PASSWORD, or let `tidemark up` generate one"
            )
        if section.user == section.analyst_user:
            raise CredentialError(
                f"clickhouse.user and clickhouse.analyst_user are both {section.user!r}: name them apart"
            )
        self._known = [(User(section.user, Role.OWNER), owner)]
        if section.analyst_user and analyst:
            self._known.append((User(section.analyst_user, Role.ANALYST), analyst))

    def authenticate(self, headers: Mapping[str, str], params: Mapping[str, str]) -> User:
        """The user that a request's headers (lower-case names) or URL parameters prove. Raises ClickHouseError 516."""
        name, password = _credentials(headers, params)
        if name is None:
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", "Authentication failed: no user was given", status=401)
        found: User | None = None
        for user, secret in self._known:
            same_name = hmac.compare_digest(user.name.encode(), name.encode())
            same_password = hmac.compare_digest(secret.encode(), password.encode())
            if same_name and same_password:
                found = user
        if found is None:
            reason = "Authentication failed: password is incorrect, or there is no user with such name."
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", f"{name}: {reason}")
        return found


def _credentials(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[str | None, str]:
    """Name and password from exactly one of the three places that ClickHouse knows."""
    places = [
        ("x-clickhouse-user" in headers or "x-clickhouse-key" in headers, _from_own_headers),
        ("authorization" in headers, _from_basic),
        ("user" in params or "password" in params, _from_params),
    ]
    given = [read for present, read in places if present]
    if len(given) > 1:
        reason = "Invalid authentication: it is not allowed to give credentials in more than one place"
        raise ClickHouseError(516, "AUTHENTICATION_FAILED", reason)
    return given[0](headers, params) if given else (None, "")


def _from_own_headers(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[str | None, str]:
    return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")


def _from_params(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[str | None, str]:
    return params.get("user", "default"), params.get("password", "")


def _from_basic(headers: Mapping[str, str], params: Mapping[str, str]) -> tuple[str | None, str]:
    scheme, _, value = headers["authorization"].partition(" ")
    if scheme.lower() != "basic":
        raise ClickHouseError(516, "AUTHENTICATION_FAILED", "Invalid authentication: only HTTP Basic is supported")
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ClickHouseError(516, "AUTHENTICATION_FAILED", "Invalid authentication: malformed Basic header") from None
    return name, password
