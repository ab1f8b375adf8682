"""Whether a process is ready: it answers its probe, and it is itself the one that answers."""

import psutil

from lakehouse.local import ports
from lakehouse.local.spec import ProcessSpec
from lakehouse.local.warden import descendants
from lakehouse.settings import StackSettings
from lakehouse.stores.probes import ProbeError


def problem(spec: ProcessSpec, pid: int, section: StackSettings) -> str:
    """Why the process of `spec`, running as `pid`, is not ready; empty if it is.

    A foreign server on its port would answer the probe as well, so the port must be listened on by `pid` or below.
    """
    try:
        spec.probe()
    except ProbeError as error:
        return str(error)
    missing = {int(getattr(section, name)) for name in spec.ports} - _listening(pid)
    if missing:
        return f"port {min(missing)} is held by {ports.holder_of(min(missing))}: end it, or take the stack down and up"
    return ""


def _listening(pid: int) -> set[int]:
    found: set[int] = set()
    for each in (pid, *descendants(pid)):
        try:
            connections = psutil.Process(each).net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found |= {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN and one.laddr}
    return found
