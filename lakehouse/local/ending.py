"""Taking a stack down: in order, to the last process, and verified."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local import envfile, supervisor
from lakehouse.local.home import Home
from lakehouse.local.spec import ProcessSpec, Role
from lakehouse.settings import project_root

POLL_S = 0.1
DOWN_TIMEOUT_S = 45.0
SWEEP_TIMEOUT_S = 10.0


class StackError(TidemarkError):
    """A process of the stack does not become ready, or does not end."""


def carriers(stack_id: str) -> list[psutil.Process]:
    """Every process whose environment carries the mark of this stack."""
    found = []
    for process in psutil.process_iter():
        try:
            if stack_id and process.environ().get(envfile.STACK_ID) == stack_id:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for process in found if process.pid != os.getpid()]


def strays(home: Home) -> list[psutil.Process]:
    """Processes of a stack whose warden was killed: those of the warden's session that work in this home or checkout.

    Airflow's workers overwrite the memory that /proc shows as their environment, so the mark alone misses them.
    """
    if supervisor.warden_pid(home) is not None or not home.warden_lock.exists():
        return []
    session = int(home.warden_lock.read_text(encoding="utf-8") or "0")
    places = (home.root, project_root())
    return [process for process in psutil.process_iter() if _belongs(process, session, places)]


def _belongs(process: psutil.Process, session: int, places: tuple[Path, ...]) -> bool:
    try:
        return os.getsid(process.pid) == session and any(Path(process.cwd()).is_relative_to(place) for place in places)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
        return False


def stop_in_order(home: Home, specs: Iterable[ProcessSpec], clock: Clock) -> None:
    """Stop the platform's processes, then the engines, then supervisord, which must be running."""
    specs = list(specs)
    for role in (Role.PLATFORM, Role.ENGINE):
        names = {spec.name for spec in specs if spec.role is role}
        known = supervisor.states(home)
        for name in names & set(known):
            supervisor.stop(home, name)
        deadline = clock.monotonic() + DOWN_TIMEOUT_S
        while any(supervisor.states(home)[name].pid for name in names & set(known)):
            if clock.monotonic() > deadline:
                break  # supervisord kills by itself; what still lives is swept by the warden
            clock.sleep(POLL_S)
    supervisor.shutdown(home)


def end_warden(home: Home, clock: Clock) -> None:
    """Wait for the warden's end, and ask for it where supervisord is gone. Raises StackError if it does not end."""
    deadline = clock.monotonic() + DOWN_TIMEOUT_S
    asked = False
    while pid := supervisor.warden_pid(home):
        if clock.monotonic() > deadline:
            raise StackError(f"the stack's warden, pid {pid}, does not end: see {home.log('warden')}")
        if not asked and not supervisor.is_running(home):
            os.kill(pid, signal.SIGTERM)
            asked = True
        clock.sleep(POLL_S)


def tree(pid: int | None) -> list[psutil.Process]:
    """Every process below `pid`."""
    if pid is None:
        return []
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def sweep(home: Home, below: list[psutil.Process], stack_id: str) -> int:
    """Kill what is left of `below` and of the stack's carriers, and return how many. Raises StackError if one stays."""
    left = list(
        {
            process.pid: process for process in (*below, *carriers(stack_id), *strays(home)) if process.is_running()
        }.values()
    )
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(left, timeout=SWEEP_TIMEOUT_S)
    if alive:
        raise StackError(f"could not end {', '.join(str(process.pid) for process in alive)}: end them by hand")
    return len(left)
