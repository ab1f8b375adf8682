"""The API as the demo's user."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from lakehouse.errors import TidemarkError

TIMEOUT_S = 30.0


class ApiRefusedError(TidemarkError):
    """The API did not answer with success; `rule` is the one by which an order was rejected, or empty."""

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class Api:
    """Requests with a token. Every method raises ApiRefusedError."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The document at a path."""
        return self._document(self._http.get(path, params=dict(params or {})))

    def find(self, path: str) -> dict[str, Any] | None:
        """The document at a path, or None where there is none."""
        answer = self._http.get(path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else self._document(answer)

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Put a document at a path."""
        return self._document(self._http.put(path, json=body))

    def post(self, path: str, body: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """Make an object, once a `key`."""
        return self._document(self._http.post(path, json=body, headers={"Idempotency-Key": key}))

    @staticmethod
    def _document(answer: httpx.Response) -> dict[str, Any]:
        if not answer.is_success:
            asked, is_problem = answer.request, "json" in answer.headers.get("Content-Type", "")
            raise ApiRefusedError(
                f"the API answered {answer.status_code} to {asked.method} {asked.url.path}: {answer.text[:500]}",
                rule=str(answer.json().get("rule", "")) if is_problem else "",
            )
        body: dict[str, Any] = answer.json()
        return body


@contextmanager
def api(url: str, token: str) -> Iterator[Api]:
    """The API at `url` as the token's user."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S) as http:
        yield Api(http)
