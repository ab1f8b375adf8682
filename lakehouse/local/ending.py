"""Taking a stack down: in order, to the last process, and verified."""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local import envfile, supervisor, warden
from lakehouse.local.home import Home
from lakehouse.local.spec import ProcessSpec, Role
from lakehouse.settings import project_root

POLL_S = 0.1
DOWN_TIMEOUT_S = 45.0
SWEEP_TIMEOUT_S = 10.0
RECORD_WORDS = 3  # of warden.identity; older code wrote the number alone, which proves nothing


class StackError(TidemarkError):
    """A process of the stack does not become ready, or does not end."""


def carriers(stack_id: str) -> list[psutil.Process]:
    """Every process whose environment carries the mark of this stack, but this one and those that started it."""
    found, spared = [], _lineage()
    for process in psutil.process_iter():
        try:
            if stack_id and process.pid not in spared and process.environ().get(envfile.STACK_ID) == stack_id:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def strays(home: Home) -> list[psutil.Process]:
    """Processes of a stack whose warden was killed: those of the warden's session that work in this home or checkout.

    Airflow's workers overwrite the memory that /proc shows as their environment, so the mark alone misses them.
    This process and those that started it are never among them.
    """
    session = _orphaned_session(home)
    if session is None:
        return []
    places, spared = (home.root, project_root()), _lineage()
    return [
        process for process in psutil.process_iter() if process.pid not in spared and _belongs(process, session, places)
    ]


@dataclass(frozen=True, slots=True)
class _Session:
    """A session by its leader's number and start, in clock ticks since this boot."""

    leader: int
    start: int


def _orphaned_session(home: Home) -> _Session | None:
    """The session that a killed warden left; None if it ended well, or its number now means something else.

    The kernel gives a number to nobody else while a session goes by it. So one that belongs to another process by now,
    as the leader of somebody's shell, tells that the warden's session is over.
    """
    if supervisor.warden_pid(home) is not None or not home.warden_lock.exists():
        return None
    recorded = home.warden_lock.read_text(encoding="ascii").strip()
    words = recorded.split()
    if len(words) != RECORD_WORDS or words[2] != warden.boot():
        return None
    leader = int(words[0])
    return _Session(leader, int(words[1])) if warden.identity(leader) in (None, recorded) else None


def _belongs(process: psutil.Process, session: _Session, places: tuple[Path, ...]) -> bool:
    try:
        if os.getsid(process.pid) != session.leader or (warden.started(process.pid) or 0) < session.start:
            return False
        return any(Path(process.cwd()).is_relative_to(place) for place in places)
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
        return False


def _lineage() -> frozenset[int]:
    """This process and those that started it, as make and a shell: a sweep that met them would end itself."""
    return frozenset({os.getpid(), *(parent.pid for parent in psutil.Process().parents())})


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
    """Kill what is left of `below` and of the stack's carriers, and return how many. Raises StackError if one stays.

    This process and those that started it are spared.
    """
    found = {process.pid: process for process in (*below, *carriers(stack_id), *strays(home))}
    spared = _lineage()
    left = [process for pid, process in found.items() if pid not in spared and process.is_running()]
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(left, timeout=SWEEP_TIMEOUT_S)
    if alive:
        raise StackError(f"could not end {', '.join(str(process.pid) for process in alive)}: end them by hand")
    supervisor.forget_warden(home)
    return len(left)
