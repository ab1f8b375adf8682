"""HTTP as every REST service needs it: its quota kept, every failure a ProviderError, no key in a log."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from lakehouse.clock import Clock
from streaming.kit.quota import Bucket, reserve
from streaming.kit.remote import Disconnected, ProviderError, RateLimited, Refused, Sleep, Unreached

TIMEOUT_S = 10.0
_LONGEST_WAIT_S = 90.0
"""A request that its quota puts off for longer is given up: another provider answers sooner."""
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

# httpx and httpcore write each request's URL, and some providers want their key in it.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(slots=True)
class Web:
    """A client of one provider. `buckets` are its limits; `name` is what errors call it."""

    name: str
    client: httpx.AsyncClient
    buckets: tuple[Bucket, ...]
    clock: Clock
    sleep: Sleep
    busy: bytes = b""
    """What is in a refusal that means the quota, whatever its status."""
    requests: int = field(default=0)

    def quota(self) -> float:
        """The share of its requests that may be sent at once, by the limit that has the least left; 1 without one."""
        now = self.clock.monotonic()
        return min((max(0.0, each.refilled(now).tokens) / each.capacity for each in self.buckets), default=1.0)

    async def get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a GET. Raises RateLimited, Refused, Disconnected, or ProviderError for any other answer."""
        return await self._ask("GET", path, params, None, headers)

    async def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> bytes:
        """The same for a POST of JSON."""
        return await self._ask("POST", path, None, body, headers)

    async def delete(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The same for a DELETE."""
        return await self._ask("DELETE", path, None, None, headers)

    async def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: object,
        headers: Mapping[str, str] | None,
    ) -> bytes:
        self.buckets, wait_s = reserve(self.buckets, self.clock.monotonic(), most_s=_LONGEST_WAIT_S)
        if wait_s > _LONGEST_WAIT_S:
            raise RateLimited(f"{self.name}: its quota is spent for {wait_s:.0f} s", retry_after_s=wait_s)
        if wait_s:
            await self.sleep(wait_s)
        self.requests += 1
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):  # httpx counts from byte to byte
                answer = await self.client.request(method, path, params=params, json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreached(f"{self.name}: {type(error).__name__} at {path}") from None
        except (httpx.HTTPError, TimeoutError) as error:
            # Only the kind of the error: its text may hold the URL.
            raise Disconnected(f"{self.name}: {type(error).__name__} at {path}") from None
        self._judge(answer, path)
        return answer.content

    def _judge(self, answer: httpx.Response, path: str) -> None:
        if answer.is_success:
            return
        said = f"{self.name}: HTTP {answer.status_code} at {path}"
        is_busy = bool(self.busy) and self.busy in answer.content
        if is_busy or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = self._retry_after_s(answer.headers)
            raise RateLimited(said, retry_after_s=wait_s, status=answer.status_code, body=answer.content)
        kind = Refused if answer.status_code in _REFUSALS else ProviderError
        raise kind(said, status=answer.status_code, body=answer.content)

    def _retry_after_s(self, headers: Mapping[str, str]) -> float:
        """Retry-After in either of its forms (RFC 9110, 10.2.3), or the reset of X-RateLimit in epoch seconds."""
        text, now = headers.get("retry-after", ""), self.clock.now()
        if text.isdecimal():
            return float(text)
        if reset := headers.get("x-ratelimit-reset", ""):
            return max(0.0, float(reset) - now.timestamp()) if reset.isdecimal() else 0.0
        try:
            return max(0.0, (parsedate_to_datetime(text) - now).total_seconds()) if text else 0.0
        except ValueError:
            return 0.0


def web(name: str, url: str, buckets: tuple[Bucket, ...], *, clock: Clock, sleep: Sleep, busy: bytes = b"") -> Web:
    """A client for the service at `url`."""
    client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, headers={"User-Agent": "tidemark"})
    return Web(name, client, buckets, clock, sleep, busy)
