"""Run the API: `python -m serving`."""

import sys
from ipaddress import ip_address

import uvicorn

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import ServingSettings, load
from serving.app import create_app
from serving.kit import logs


class ExposureRefused(TidemarkError):
    """The API would listen beyond loopback although it authenticates nobody."""


def refuse_exposure(section: ServingSettings) -> None:
    """Raise ExposureRefused for an address beyond loopback, unless serving.allow_remote says that it is wanted."""
    if section.allow_remote or is_loopback(section.host):
        return
    raise ExposureRefused(
        f"serving.host is {section.host}: the API authenticates nobody yet, so it listens on loopback only. Put "
        "a proxy that authenticates in front, then set TIDEMARK_SERVING__ALLOW_REMOTE=true and "
        "TIDEMARK_SERVING__ALLOWED_HOSTS"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; any name but localhost counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def main() -> int:
    """Serve until told to stop; open requests get serving.drain_s. Returns the exit status."""
    settings = load()
    section = settings.serving
    try:
        refuse_exposure(section)
    except ExposureRefused as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    logs.configure()
    uvicorn.run(
        create_app(settings, clock=SystemClock()),
        host=section.host,
        port=section.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=section.max_concurrency,
        timeout_graceful_shutdown=section.drain_s,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
