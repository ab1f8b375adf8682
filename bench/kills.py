"""Processes of a stack, killed without a word: its supervisor starts them again."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local import readiness, supervisor
from lakehouse.local.stack import Stack

BACK_S: Final = 180.0
POLL_S: Final = 0.2


class NotBackError(TidemarkError):
    """A killed process did not come back."""


def kill(stack: Stack, name: str, clock: Clock) -> int:
    """SIGKILL the process as soon as it runs; its pid. Raises NotBackError."""
    return killed(lambda: supervisor.states(stack.home)[name].pid, clock)


def killed(pid_of: Callable[[], int], clock: Clock) -> int:
    """The process that was killed: the first of `pid_of`, 0 for none, that was still there. Raises NotBackError."""
    deadline = clock.monotonic() + BACK_S
    while clock.monotonic() < deadline:
        if pid := pid_of():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return pid
        clock.sleep(POLL_S)
    raise NotBackError(f"there was nothing to kill for {BACK_S:g} s")


def until_back(stack: Stack, name: str, killed: int, clock: Clock) -> None:
    """Wait until another process than `killed` is ready. Raises NotBackError."""
    spec, deadline = stack.spec(name), clock.monotonic() + BACK_S
    while True:
        pid = supervisor.states(stack.home)[name].pid
        problem = readiness.problem(spec, pid, stack.context.settings.stack) if pid else "it does not run"
        if pid not in (0, killed) and not problem:
            return
        if clock.monotonic() > deadline:
            raise NotBackError(f"{name} is not back {BACK_S:g} s after it was killed: {problem}")
        clock.sleep(POLL_S)
