"""supervisord: its rendered configuration and its control over a private unix socket."""

import fcntl
import http.client
import os
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local.envfile import STACK_ID
from lakehouse.local.home import Home
from lakehouse.local.install.tools import dying_with_parent, tail
from lakehouse.local.spec import ProcessSpec, Role
from lakehouse.settings import inherited_environment

START_TIMEOUT_S = 15.0
RPC_TIMEOUT_S = 30.0
POLL_S = 0.05
LOG_BYTES = "10MB"
LOG_BACKUPS = 3
# What ends sooner is started again after a pause that grows by a second a try; so many tries take half a day and more,
# so that a process outlives its engine's bad night.
SETTLED_S = 30
START_TRIES = 300
NOT_RUNNING, ALREADY_STARTED = 70, 60


class SupervisorError(TidemarkError):
    """supervisord does not run, does not start or refuses a request."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process as supervisord sees it. `state` is its word for it, as RUNNING or BACKOFF."""

    name: str
    state: str
    pid: int
    uptime_s: int
    note: str


def render(specs: Iterable[ProcessSpec], home: Home) -> str:
    """supervisord.conf with one program a spec, none started by itself: `up` starts them in dependency order."""
    head = [
        "; Rendered by `tidemark up`. Holds secrets in environments: keep it private.",
        "[unix_http_server]",
        # By way of supervisord's working folder (home.run): a unix socket's path may have 107 bytes only.
        f"file=/proc/self/cwd/{home.supervisor_socket.name}",
        "chmod=0600",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_escape(str(home.log('supervisord')))}",
        f"logfile_maxbytes={LOG_BYTES}",
        "logfile_backups=1",
        f"pidfile={_escape(str(home.run / 'supervisord.pid'))}",
        f"childlogdir={_escape(str(home.logs))}",
        "umask=077",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    return "\n".join(head + [line for spec in specs for line in _program(spec, home)]) + "\n"


def _program(spec: ProcessSpec, home: Home) -> list[str]:
    environment = ",".join(f"{name}={_quote(value)}" for name, value in sorted(spec.env.items()))
    return [
        f"[program:{spec.name}]",
        f"command={' '.join(_quote(word) for word in dying_with_parent(spec.argv, spec.stop_signal))}",
        f"directory={_escape(str(spec.cwd))}",
        f"environment={environment}",
        "autostart=false",
        "autorestart=true",
        f"startsecs={SETTLED_S}",
        f"startretries={START_TRIES}",
        f"stopsignal={spec.stop_signal}",
        f"stopwaitsecs={spec.stop_wait_s}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_escape(str(home.log(spec.name)))}",
        f"stdout_logfile_maxbytes={LOG_BYTES}",
        f"stdout_logfile_backups={LOG_BACKUPS}",
        f"priority={100 if spec.role is Role.ENGINE else 200}",
    ]


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(text: str) -> str:
    if "\n" in text or "\x00" in text:
        raise SupervisorError(f"{text!r} cannot stand in supervisord's configuration")
    return '"' + _escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def configuration(home: Home) -> Path:
    """Where supervisord.conf lies."""
    return home.conf / "supervisord.conf"


def launch(home: Home, stack_id: str, overridden: Iterable[str], clock: Clock) -> None:
    """Start the warden and supervisord below it, detached from this terminal. Returns once it answers.

    `overridden` are the names of stack.env: children read them from that file, so they are dropped from the
    environment that they inherit. Raises SupervisorError.
    """
    supervisord = (sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration(home)))
    command = (sys.executable, "-m", "lakehouse.local.warden", str(home.warden_lock), *dying_with_parent(supervisord))
    environment = {name: value for name, value in inherited_environment().items() if name not in set(overridden)}
    environment.update({"TIDEMARK_HOME": str(home.root), STACK_ID: stack_id})
    # Each thread of a process may else keep freed memory for itself alone: a third of what the API held.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    log = home.log("warden")
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=home.run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = clock.monotonic() + START_TIMEOUT_S
    while not is_running(home):
        if child.poll() is not None or clock.monotonic() > deadline:
            raise SupervisorError(f"supervisord did not start; see {log}:\n{tail(log)}")
        clock.sleep(POLL_S)


def is_running(home: Home) -> bool:
    """Whether supervisord of this home answers."""
    try:
        with _rpc(home) as proxy:
            proxy.supervisor.getState()
    except (OSError, http.client.HTTPException):
        return False
    return True


def warden_pid(home: Home) -> int | None:
    """The process that keeps this home's stack; None if there is none. A stale file is no danger: the lock counts."""
    try:
        descriptor = os.open(home.warden_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((os.read(descriptor, 32).split() or [b"0"])[0]) or None
    finally:
        os.close(descriptor)
    return None


def forget_warden(home: Home) -> None:
    """Empty the file in which a warden that was killed left its name; nothing happens while one runs."""
    if home.warden_lock.exists() and warden_pid(home) is None:
        os.truncate(home.warden_lock, 0)


def states(home: Home) -> dict[str, ProcessState]:
    """Every process by name. Raises SupervisorError when supervisord does not answer."""
    rows = cast(list[dict[str, object]], call(home, "getAllProcessInfo"))
    return {found.name: found for found in map(_state, rows)}


def start(home: Home, name: str) -> None:
    """Start one process, without waiting for it; one that runs is left alone."""
    call(home, "startProcess", name, False, ignore=ALREADY_STARTED)


def stop(home: Home, name: str) -> None:
    """Ask one process to stop, without waiting for it; one that does not run is left alone."""
    call(home, "stopProcess", name, False, ignore=NOT_RUNNING)


def shutdown(home: Home) -> None:
    """Ask supervisord to end."""
    call(home, "shutdown")


def reload(home: Home) -> None:
    """Take over a changed supervisord.conf: programs that changed are stopped and known anew."""
    added, changed, removed = cast(list[list[list[str]]], call(home, "reloadConfig"))[0]
    for name in (*changed, *removed):
        call(home, "stopProcessGroup", name)
        call(home, "removeProcessGroup", name)
    for name in (*added, *changed):
        call(home, "addProcessGroup", name)


def call(home: Home, method: str, *arguments: str | bool, ignore: int | None = None) -> object:
    """One request to supervisord; the fault code `ignore` is not an error. Raises SupervisorError."""
    try:
        with _rpc(home) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == ignore:
            return None
        raise SupervisorError(f"supervisord refuses {method} {arguments}: {fault.faultString}") from fault
    except (OSError, http.client.HTTPException) as error:
        raise SupervisorError(f"no supervisord answers in {home.run}: run `tidemark up` ({error})") from error


def _state(row: Mapping[str, object]) -> ProcessState:
    running = bool(row["pid"])
    uptime = int(cast(int, row["now"])) - int(cast(int, row["start"])) if running else 0
    return ProcessState(
        str(row["name"]), str(row["statename"]), int(cast(int, row["pid"])), uptime, str(row["spawnerr"])
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=RPC_TIMEOUT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        folder = os.open(self.path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self.path.name}")  # short, however deep the home lies
        finally:
            os.close(folder)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(self.path)


@contextmanager
def _rpc(home: Home) -> Iterator[xmlrpc.client.ServerProxy]:
    with xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(home.supervisor_socket)) as proxy:
        yield proxy
