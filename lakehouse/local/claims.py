"""Which ports other stacks of this user claim, also while their engines are still starting or being restarted."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.local import envfile, supervisor
from lakehouse.local.home import Home

PORT_PREFIX = "TIDEMARK_STACK__"


@contextmanager
def settled(registry: Path, home: Home) -> Iterator[frozenset[int]]:
    """The ports of other stacks; none of them can change while the context is open. Enters `home` into the registry.

    A stack that is neither up nor coming up claims nothing; the entry of a home that is gone is removed.
    """
    registry.mkdir(parents=True, exist_ok=True)
    with (registry / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield frozenset(port for other in _others(registry, home) for port in _ports(other))
        name = envfile.read(home.stack_env).stack_id
        (registry / name).write_text(str(home.root), encoding="utf-8")


def _others(registry: Path, home: Home) -> Iterator[Home]:
    for entry in registry.iterdir():
        if entry.name == ".lock":
            continue
        other = Home(Path(entry.read_text(encoding="utf-8")))
        if not other.stack_env.exists():
            entry.unlink()
        elif other.root != home.root and (supervisor.warden_pid(other) or _is_coming_up(other)):
            yield other


def _ports(home: Home) -> Iterator[int]:
    for name, value in envfile.read(home.stack_env).values.items():
        if name.startswith(PORT_PREFIX) and name.endswith("_PORT"):
            yield int(value)


def _is_coming_up(home: Home) -> bool:
    """Whether an `up` or `down` of that home is at work."""
    if not home.control_lock.exists():
        return False
    with home.control_lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
