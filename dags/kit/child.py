"""A job's process: started in its own group, its lines read as they come, and ended with everything it started."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.clock import Clock
from lakehouse.settings import project_root

READ_BYTES = 64 * 1024
POLL_S = 0.05
LOGGED_ERROR = " ERROR "


class Stream(StrEnum):
    """Where a line came from."""

    OUT = "stdout"
    ERR = "stderr"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job's process ended. `exit_code` is negative for a signal; `result` is the last line on stdout, `message`
    the last one on stderr that a logger called an error, or else the last one."""

    exit_code: int
    result: str
    message: str


class Child:
    """`python -m MODULE ARGUMENT...` as a child of this process that the kernel ends with it."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        grace_s: float = 30.0,
    ) -> None:
        self._clock = clock
        self._grace_s = grace_s
        command = [sys.executable, "-u", "-m", "dags.kit.launch", str(os.getpid()), module, *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=project_root(),
            env=environment,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def follow(self, on_line: Callable[[Stream, str], None]) -> Finished:
        """Hand every line with text to `on_line` as it comes and return when the process has ended."""
        last = {Stream.OUT: "", Stream.ERR: ""}
        error = ""
        for stream, line in self._lines():
            last[stream] = line
            error = line.partition(LOGGED_ERROR)[2] or error
            on_line(stream, line)
        return Finished(self._process.wait(), last[Stream.OUT], error or last[Stream.ERR])

    def stop(self) -> None:
        """SIGTERM the group, and SIGKILL it after the grace period; a second call, and a process that has ended, are
        no error. Blocks until then. Safe in a signal handler that interrupts follow()."""
        if self._ended():
            return
        self._signal(signal.SIGTERM)
        deadline = self._clock.monotonic() + self._grace_s
        while not self._ended() and self._clock.monotonic() < deadline:
            self._clock.sleep(POLL_S)
        self._signal(signal.SIGKILL)  # what is left of the group, its leader or what that one had started

    def _lines(self) -> Iterator[tuple[Stream, str]]:
        rest = {Stream.OUT: b"", Stream.ERR: b""}
        with selectors.DefaultSelector() as selector, ExitStack() as pipes:
            # The process itself is no context manager here: leaving it would wait, and a timeout must get out.
            for stream, pipe in ((Stream.OUT, self._process.stdout), (Stream.ERR, self._process.stderr)):
                if pipe is not None:
                    selector.register(pipes.enter_context(pipe), selectors.EVENT_READ, stream)
            while selector.get_map():
                for key, _ in selector.select():
                    read = os.read(key.fd, READ_BYTES)
                    if not read:
                        selector.unregister(key.fileobj)
                    *whole, rest[key.data] = (rest[key.data] + (read or b"\n")).split(b"\n")
                    yield from ((key.data, text) for line in whole if (text := _text(line)))

    def _ended(self) -> bool:
        # Not poll(): it answers "running" while an interrupted wait() holds its lock, and this asks without reaping.
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _signal(self, number: signal.Signals) -> None:
        # The group's leader is not reaped yet, so that its number cannot belong to anybody else.
        os.killpg(self.pid, number)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()
