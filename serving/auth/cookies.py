"""The cookie of the refresh token: no script reads it, no other site's page causes it to be sent.

Where the API listens on loopback, by plain HTTP, it is `tidemark_refresh`, sent to /api/v1/auth alone. Anywhere else
it is `__Host-tidemark_refresh`, Secure: then no sibling domain and no plain HTTP can set it. Browsers want Path=/ for
that name, and that is the better bargain: a path protects from nobody.
"""

from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.responses import Response

from lakehouse.settings import ServingSettings
from serving.kit.security import is_loopback

NAME = "tidemark_refresh"
PATH = "/api/v1/auth"
LONGEST = 200


class RefreshCookie:
    """Sets, reads and clears the cookie."""

    def __init__(self, section: ServingSettings) -> None:
        self._is_secure = not is_loopback(section.host)
        self.name = f"__Host-{NAME}" if self._is_secure else NAME
        self._path = "/" if self._is_secure else PATH

    def read(self, connection: HTTPConnection) -> str | None:
        """The token of the request, where it has one of a sensible length."""
        token = connection.cookies.get(self.name)
        return token if token and len(token) <= LONGEST else None

    def set(self, response: Response, token: str, expires_at: datetime) -> None:
        """Send the token."""
        response.set_cookie(
            self.name,
            token,
            expires=expires_at,
            path=self._path,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response) -> None:
        """Make the browser forget it."""
        response.delete_cookie(self.name, path=self._path, secure=self._is_secure, httponly=True, samesite="strict")
