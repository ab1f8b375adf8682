"""Bringing the stack up for a person: progress is shown, and an interrupt takes down what was begun."""

import signal
from collections.abc import Iterable
from types import FrameType

from rich.console import Console

from lakehouse.clock import Clock
from lakehouse.local import stack, supervisor
from lakehouse.local.home import Home
from lakehouse.local.progress import Progress
from lakehouse.settings import load


def bring_up(names: Iterable[str], console: Console, clock: Clock) -> stack.Stack:
    """`stack.up` with its progress on `console`; SIGTERM and SIGHUP interrupt like Ctrl-C, from now on.

    An interrupt takes the stack down, unless it ran before, and goes on as KeyboardInterrupt. Raises as `stack.up`.
    """
    ran_before = supervisor.is_running(Home(load().home))
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        with Progress(console, clock) as progress:
            return stack.up(names, progress, clock)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not ran_before:
            console.print("interrupted: taking down what was started")
            stack.down(clock)
        raise


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
