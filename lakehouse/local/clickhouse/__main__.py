"""Start the process: `python -m lakehouse.local.clickhouse`, settings from the environment and `stack.env`."""

import argparse
import ipaddress
import logging
import signal
import sys
from pathlib import Path

import uvicorn

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.local.clickhouse.app import Edge, create_app
from lakehouse.local.clickhouse.engine import Engine
from lakehouse.local.clickhouse.service import Service
from lakehouse.local.clickhouse.users import Users
from lakehouse.settings import Settings, load

SHUTDOWN_S = 5


class BindError(TidemarkError):
    """The configured address would be reachable from other machines."""


def main() -> int:
    """Serve until a signal; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lakehouse.local.clickhouse", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="the engine's folder; default: $TIDEMARK_HOME/data/clickhouse")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = load()
        serve(settings, arguments.data_dir or settings.home / "data" / "clickhouse")
    except TidemarkError as error:
        sys.stderr.write(f"clickhouse: {error}\n")
        return error.exit_code
    return 0


def serve(settings: Settings, data_dir: Path) -> None:
    """Open the data folder and answer HTTP. Raises TidemarkError before anything listens."""
    section = settings.clickhouse
    if not _is_loopback(section.host):
        raise BindError(
            f"clickhouse.host is {section.host}: the embedded process listens on loopback only, use 127.0.0.1"
        )
    users = Users(section)
    clock = SystemClock()
    engine = Engine(data_dir, section.database)
    service = Service(engine, database=section.database, clock=clock)
    config = uvicorn.Config(
        create_app(Edge(service, users, clock)),
        host=section.host,
        port=section.port,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        log_config=None,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn takes both over, and raises them again once it has shut down: by then they have been obeyed.
        signal.signal(number, signal.SIG_IGN)
    uvicorn.Server(config).run()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
