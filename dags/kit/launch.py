"""Run a module as `__main__` in a process that cannot outlive the one that started it."""

import ctypes
import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence

from lakehouse.clock import Clock, SystemClock

GRACE_S = 30.0
"""How long a job may take to interrupt its query after its starter has died."""
PR_SET_PDEATHSIG = 1


def die_with(parent: int, *, clock: Clock, grace_s: float = GRACE_S) -> None:
    """Have the kernel send SIGTERM when `parent` ends, and SIGKILL the process group `grace_s` later. Linux only;
    a parent that is gone already ends this process at once."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"the process {parent} that started this job is gone")
    threading.Thread(target=_outlive_no_longer, args=(parent, clock, grace_s), daemon=True).start()


def _outlive_no_longer(parent: int, clock: Clock, grace_s: float) -> None:
    while os.getppid() == parent:
        clock.sleep(1.0)
    clock.sleep(grace_s)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main(argv: Sequence[str]) -> None:
    """`launch PARENT_PID MODULE ARGUMENT...`: the module sees its own arguments only."""
    parent, module, *arguments = argv
    die_with(int(parent), clock=SystemClock())
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if os.getppid() != int(parent):
            os.killpg(os.getpgrp(), signal.SIGKILL)  # nobody else is left to end what the module has started


if __name__ == "__main__":
    main(sys.argv[1:])
