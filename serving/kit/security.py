"""What a request's origin is worth: loopback, the caller's address behind trusted proxies, other sites' pages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection
from starlette.types import Scope

from lakehouse.errors import TidemarkError
from serving.kit.problems import ApiError

UNKNOWN = "unknown"
CSRF_HEADER = "X-Requested-With"
_FORWARDED = b"x-forwarded-for"
_OWN_SITES = frozenset({"same-origin", "none"})

Network = IPv4Network | IPv6Network


class ProxySettingsError(TidemarkError):
    """serving.trusted_proxies holds something that is neither an address nor a network."""


class CrossSiteRefused(ApiError):
    """A request with a cookie that another site's page may have caused."""

    status = 403
    code = "cross_site_refused"
    title = "Another site's page may not do this"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; any name but localhost counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose X-Forwarded-For is believed."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Proxies":
        """From addresses and networks. Raises ProxySettingsError."""
        try:
            return cls(tuple(ip_network(text) for text in texts))
        except ValueError as error:
            raise ProxySettingsError(f"TIDEMARK_SERVING__TRUSTED_PROXIES: {error}") from error

    def caller(self, scope: Scope) -> str:
        """The caller's IP address: the peer's, or, where a trusted proxy speaks, the last one that is no such proxy.

        What a caller writes into X-Forwarded-For itself stands left of what the proxies add, and is never reached.
        """
        client = scope.get("client")
        peer = client[0] if client else UNKNOWN
        if not self.networks or not self._trusts(peer):
            return str(peer)
        hops = [
            hop.strip()
            for name, value in scope["headers"]
            if name == _FORWARDED
            for hop in value.decode("latin-1").split(",")
        ]
        for hop in reversed(hops):
            if not self._trusts(hop):
                return _plain(hop)
        return str(peer)

    def _trusts(self, address: str) -> bool:
        return _within(address, self.networks)


@lru_cache(maxsize=4096)
def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _plain(address: str) -> str:
    """The address in its own spelling; what is none counts as one caller."""
    try:
        return str(ip_address(address))
    except ValueError:
        return UNKNOWN


def refuse_cross_site(connection: HTTPConnection, origins: Iterable[str]) -> None:
    """Raise CrossSiteRefused unless the request comes from a page of our own, of an allowed origin, or of no browser.

    Pages of other sites cannot send the header CSRF_HEADER without asking first (CORS), which we refuse; browsers
    that send Origin or Sec-Fetch-Site are held to those too.
    """
    headers = connection.headers
    origin = headers.get("origin")
    allowed = origin is not None and origin in origins
    if not headers.get(CSRF_HEADER):
        raise CrossSiteRefused(f"Send the header {CSRF_HEADER}: other sites' pages cannot.")
    if origin is not None and not allowed and not is_own_origin(origin, headers):
        raise CrossSiteRefused("The Origin header names another site.")
    if not allowed and headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise CrossSiteRefused("Sec-Fetch-Site says that another site's page asks.")


def is_own_origin(origin: str, headers: Mapping[str, str]) -> bool:
    """Whether the origin's host and port are those that were asked."""
    scheme, _, place = origin.partition("://")
    return scheme in {"http", "https"} and place == headers.get("host")
