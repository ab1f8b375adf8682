"""The parent of supervisord: when it dies, in whatever way, nothing that it started stays behind.

The warden is a "child subreaper": a descendant whose own parent dies becomes the warden's child, so none can
escape it by forking. Supervised processes are also sent their stop signal by the kernel when supervisord dies
(PDEATHSIG), and supervisord when the warden dies, so that killing any one of the three ends them all.
It imports the standard library only: it lives as long as the stack and should weigh little.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 10.0
POLL_S = 0.05
ALREADY_RUNNING = 3
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Places in /proc/PID/stat behind the command's name.
PARENT, START = 1, 19


def main(lock_path: str, *command: str) -> int:
    """Run `command` (supervisord) to its end, then end all that descends from it. Returns its exit status."""
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ALREADY_RUNNING
    os.ftruncate(lock, 0)
    os.write(lock, f"{identity(os.getpid())}\n".encode())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return 1
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def forward(_number: int, _frame: FrameType | None) -> None:
        child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    status = _reap_until(child.pid)
    _sweep()
    os.ftruncate(lock, 0)  # nothing is left, so nobody need look for it
    return status


def identity(pid: int) -> str | None:
    """`PID START BOOT`, START in clock ticks since BOOT: one process, while its number alone is given again.

    None if there is no such process.
    """
    start = started(pid)
    return None if start is None else f"{pid} {start} {boot()}"


def started(pid: int) -> int | None:
    """Clock ticks from the machine's boot to the start of a process; None if there is none."""
    stat = _stat(Path("/proc") / str(pid))
    return None if stat is None else int(stat[START])


def boot() -> str:
    """The name that the kernel gave to this boot of the machine."""
    return BOOT_ID.read_text(encoding="ascii").strip()


def descendants(root: int, proc: Path = Path("/proc")) -> list[int]:
    """Process ids below `root`, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            parent = _parent_of(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found.extend(below)
        queue.extend(below)
    return found


def _parent_of(entry: Path) -> int | None:
    stat = _stat(entry)
    return None if stat is None else int(stat[PARENT])


def _stat(entry: Path) -> list[str] | None:
    try:
        text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()  # the command name before it may hold spaces and brackets


def _reap_until(pid: int) -> int:
    while True:
        reaped, status = os.waitpid(-1, 0)
        if reaped == pid:
            return os.waitstatus_to_exitcode(status)


def _sweep() -> None:
    """Ask the orphans to end, wait GRACE_S, then kill every descendant until there is none."""
    _signal(descendants(os.getpid()), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while _reap_ready():
        if time.monotonic() > deadline:
            _signal(descendants(os.getpid()), signal.SIGKILL)
        time.sleep(POLL_S)


def _reap_ready() -> bool:
    """Collect ended children. False once there is no child at all."""
    while True:
        try:
            reaped, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if reaped == 0:
            return True


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
