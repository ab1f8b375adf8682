"""Which loopback ports the stack takes: the preferred one, or the next free one and who holds the other."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from lakehouse.errors import TidemarkError
from lakehouse.settings import StackSettings

LOOPBACK = "127.0.0.1"
TRIES = 200


class NoFreePortError(TidemarkError):
    """No free port near the preferred one."""


@dataclass(frozen=True, slots=True)
class BusyPort:
    """A preferred port that was taken, by whom, and what was chosen in its place."""

    name: str
    wanted: int
    chosen: int
    holder: str


def port_names() -> tuple[str, ...]:
    """The fields of StackSettings that are ports."""
    return tuple(name for name in StackSettings.model_fields if name.endswith("_port"))


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder_of(port: int) -> str:
    """Who listens on `port`, as `pid 42 (java -cp ...)`; a holder that this user may not see is said to be unknown."""
    for found in psutil.net_connections(kind="tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
            return f"pid {found.pid} ({_command(found.pid)})"
    return "a process that this user may not see"


def choose(
    section: StackSettings,
    *,
    keep: Mapping[str, int],
    free: Callable[[int], bool] = is_free,
    holder: Callable[[int], str] = holder_of,
) -> tuple[dict[str, int], list[BusyPort]]:
    """A port for every name, all different, and the ones that were busy.

    `keep` holds ports that the running stack itself listens on: they are taken as they are.
    Raises NoFreePortError when TRIES ports after the preferred one are taken.
    """
    chosen: dict[str, int] = dict(keep)
    busy: list[BusyPort] = []
    for name in port_names():
        if name in chosen:
            continue
        wanted = int(getattr(section, name))
        taken = set(chosen.values())
        port = _next_free(name, wanted, taken, free)
        chosen[name] = port
        if port != wanted and wanted not in taken:
            busy.append(BusyPort(name.removesuffix("_port"), wanted, port, holder(wanted)))
    return chosen, busy


def _next_free(name: str, wanted: int, taken: set[int], free: Callable[[int], bool]) -> int:
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if port not in taken and free(port):
            return port
    raise NoFreePortError(f"no free port for {name} from {wanted} on: set TIDEMARK_STACK__{name.upper()}")


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80].strip() or psutil.Process(pid).name()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "command not visible"
