"""Bring the stack up, add to it, take it down: the order of things behind `tidemark up` and `tidemark down`."""

import fcntl
import itertools
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import psutil

from lakehouse.clock import Clock
from lakehouse.local import (
    bootstrap,
    claims,
    ending,
    envfile,
    fetch,
    graph,
    logs,
    ports,
    processes_engines,
    processes_platform,
    readiness,
    supervisor,
)
from lakehouse.local.ending import DOWN_TIMEOUT_S, StackError
from lakehouse.local.home import Home, write_private
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import java, tail
from lakehouse.local.ports import BusyPort
from lakehouse.local.spec import ProcessSpec, StackContext, Step, select
from lakehouse.settings import Settings, cache_dir, load, project_root

POLL_S, POLL_MOST_S, PATIENCE = 0.1, 1.0, 1.3
ERROR_LINES = 6
STARTS_BEFORE_GIVING_UP = 3


class Reporter(Protocol):
    """Who is told how the start goes; called from several threads."""

    def plan(self, names: tuple[str, ...]) -> None:
        """All that will be done, by name."""
        ...

    def begin(self, name: str) -> None:
        """Work on `name` starts."""
        ...

    def end(self, name: str, *, ok: bool) -> None:
        """Work on `name` ended."""
        ...

    def note(self, text: str) -> None:
        """Something the user should know."""
        ...


@dataclass(frozen=True, slots=True)
class _Patience:
    """How the actions wait: by the clock, until somebody loses patience."""

    clock: Clock
    cancelled: threading.Event

    def pause(self, tries: int) -> None:
        """Wait a little longer at each try: probing costs the processor time that the starting processes need."""
        if self.cancelled.is_set():
            raise StackError("interrupted")
        self.clock.sleep(min(POLL_S * PATIENCE**tries, POLL_MOST_S))


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that could run in one home."""

    context: StackContext
    specs: tuple[ProcessSpec, ...]
    steps: tuple[Step, ...]

    @property
    def home(self) -> Home:
        return self.context.home

    def spec(self, name: str) -> ProcessSpec:
        """The spec called `name`. Raises StopIteration for a name that `select` would refuse."""
        return next(found for found in self.specs if found.name == name)


def describe(settings: Settings, env: envfile.StackEnv) -> Stack:
    """The stack of a home whose stack.env is written."""
    context = StackContext(
        settings=settings,
        home=Home(settings.home),
        cache=Cache(cache_dir(settings.stack)),
        env=env,
        java=java(),
        python=Path(sys.executable),
        project=project_root(),
    )
    specs = (*processes_engines.specs(context), *processes_platform.specs(context))
    return Stack(context, specs, bootstrap.steps(context))


def existing(home: Path | None = None) -> Stack | None:
    """The stack of `home`, or of `$TIDEMARK_HOME`; None if none was ever brought up there."""
    settings = load(home)
    env = envfile.read(Home(settings.home).stack_env)
    return describe(settings, _completed(settings, env)) if env.values else None


def up(only: Iterable[str], reporter: Reporter, clock: Clock, *, home: Path | None = None) -> Stack:
    """Bring up the processes `only` and what they need; all, if empty. Returns when each one is ready. Idempotent.
    It lives in `home`, or in `$TIDEMARK_HOME`.

    Raises StackError, graph.NodesFailedError and the errors of fetching; what runs by then is left running.
    """
    return _up(Home(load(home).home), only, reporter, clock)


def _up(home: Home, only: Iterable[str], reporter: Reporter, clock: Clock) -> Stack:
    home.create()
    with _exclusive(home):
        logs.prune_airflow(home, clock)
        stack, busy = _settle(home)
        names = tuple(only) or tuple(spec.name for spec in stack.specs)
        chosen = select(names, stack.specs, stack.steps)
        _report_busy(stack, chosen, busy, reporter)
        _write_files(stack, chosen)
        _ensure_supervisor(stack, clock)
        _remember(home, {spec.name for spec in stack.specs if spec.name in chosen})
        cancelled = threading.Event()
        nodes = _nodes(stack, chosen, reporter, _Patience(clock, cancelled))
        reporter.plan(tuple(node.name for node in nodes))
        graph.run(nodes, abort=lambda: _abort(cancelled))
    return stack


def down(clock: Clock, *, home: Path | None = None) -> int:
    """Stop everything in `home`, or in `$TIDEMARK_HOME`, platform before engines, and return how many processes had to
    be killed. Idempotent.

    Raises StackError if a process cannot be ended.
    """
    return _down(Home(load(home).home), clock)


def _down(home: Home, clock: Clock) -> int:
    if not home.run.exists():
        return 0
    with _exclusive(home):
        env = envfile.read(home.stack_env)
        below = ending.tree(supervisor.warden_pid(home))
        if supervisor.is_running(home):
            stack = existing(home.root)
            ending.stop_in_order(home, stack.specs if stack else (), clock)
        ending.end_warden(home, clock)
        return ending.sweep(home, below, env.values.get(envfile.STACK_ID, ""))


def reset(clock: Clock) -> Path:
    """Take the stack down and remove what it keeps in its home: data, secrets, logs. Returns the home's path."""
    down(clock)
    home = Home(load().home)
    for folder in (home.conf, home.run, home.logs, home.root / "data"):
        if folder.exists():
            shutil.rmtree(folder)
    home.stack_env.unlink(missing_ok=True)
    if home.root.exists() and not any(home.root.iterdir()):  # what somebody else put there stays
        home.root.rmdir()
    return home.root


def fetch_all(reporter: Reporter) -> None:
    """Fetch and build everything that is missing in the cache, at once. Blocking, minutes at first."""
    settings = load()
    cache, home = Cache(cache_dir(settings.stack)), Home(settings.home)
    home.create()
    nodes = [
        graph.Node(name, (), _reported(name, reporter, partial(_fetch_into, cache, home, name)))
        for name, there in fetch.installed(cache).items()
        if not there
    ]
    reporter.plan(tuple(node.name for node in nodes))
    graph.run(nodes, abort=lambda: _abort(threading.Event()))


def wanted(home: Home) -> tuple[str, ...]:
    """Names of the processes that were asked for since the stack came up."""
    path = home.run / "wanted.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ()


def _settle(home: Home) -> tuple[Stack, list[BusyPort]]:
    """Choose ports, write stack.env and describe the stack that follows from them."""
    settings = load(home.root)
    previous = envfile.read(home.stack_env)
    with claims.settled(cache_dir(settings.stack) / ".stacks", home) as claimed:
        keep = _ports_in_use(home, settings, previous)
        chosen, busy = ports.choose(
            settings.stack, keep=keep, free=lambda port: port not in claimed and ports.is_free(port)
        )
        env = envfile.build(settings, previous, chosen)
        envfile.write(home, env)
    envfile.check_environment(env)
    return describe(load(home.root), env), busy


def _completed(settings: Settings, env: envfile.StackEnv) -> envfile.StackEnv:
    """A stack.env of older code may lack a name: it is filled in here in memory, and for good by the next `up`."""
    return envfile.build(settings, env, {name: int(getattr(settings.stack, name)) for name in ports.port_names()})


def _ports_in_use(home: Home, settings: Settings, env: envfile.StackEnv) -> dict[str, int]:
    """Ports on which processes of the running stack listen already."""
    if not env.values or not supervisor.is_running(home):
        return {}
    states = supervisor.states(home)
    alive = {name for name, state in states.items() if state.pid}
    return {
        name: int(getattr(settings.stack, name))
        for spec in describe(settings, _completed(settings, env)).specs
        if spec.name in alive
        for name in spec.ports
    }


def _report_busy(stack: Stack, chosen: frozenset[str], busy: Iterable[BusyPort], reporter: Reporter) -> None:
    ours = {port.removesuffix("_port") for spec in stack.specs if spec.name in chosen for port in spec.ports}
    for taken in busy:
        if taken.name in ours:
            reporter.note(f"port {taken.wanted} is held by {taken.holder}: {taken.name} takes {taken.chosen}")


def _write_files(stack: Stack, chosen: frozenset[str]) -> None:
    for spec in stack.specs:
        if spec.name in chosen:
            for path, text in spec.files.items():
                write_private(path, text)


def _ensure_supervisor(stack: Stack, clock: Clock) -> None:
    path = supervisor.configuration(stack.home)
    text = supervisor.render(stack.specs, stack.home)
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    if changed:
        write_private(path, text)
    _await_end_of_orphan(stack.home, clock)
    if not supervisor.is_running(stack.home):
        ending.sweep(stack.home, [], stack.context.env.stack_id)  # what two killed keepers may have left
        supervisor.launch(stack.home, stack.context.env.stack_id, stack.context.env.values, clock)
        _remember(stack.home, set(), forget=True)
    elif changed:
        supervisor.reload(stack.home)


def _await_end_of_orphan(home: Home, clock: Clock) -> None:
    """A supervisord whose warden was killed is ending by itself: a new one must not start beside it."""
    deadline = clock.monotonic() + DOWN_TIMEOUT_S
    while supervisor.is_running(home) and supervisor.warden_pid(home) is None:
        if clock.monotonic() > deadline:
            raise StackError("an old supervisord without its warden does not end: run `tidemark down`")
        clock.sleep(POLL_MOST_S)


def _remember(home: Home, names: set[str], *, forget: bool = False) -> None:
    kept = set() if forget else set(wanted(home))
    write_private(home.run / "wanted.json", json.dumps(sorted(kept | names)))


def _nodes(stack: Stack, chosen: frozenset[str], reporter: Reporter, patience: _Patience) -> list[graph.Node]:
    specs = [spec for spec in stack.specs if spec.name in chosen]
    needed = {need for spec in specs for need in spec.needs}
    present = fetch.installed(stack.context.cache)
    nodes = [
        graph.Node(
            f"fetch {name}",
            (),
            _reported(f"fetch {name}", reporter, partial(_fetch_into, stack.context.cache, stack.home, name)),
        )
        for name in fetch.FETCHES
        if name in needed and not present[name]
    ]
    missing = {node.name for node in nodes}
    for spec in specs:
        fetched = tuple(f"fetch {need}" for need in spec.needs if f"fetch {need}" in missing)
        nodes.append(
            graph.Node(
                spec.name, (*fetched, *spec.after), _reported(spec.name, reporter, _start(stack, spec, patience))
            )
        )
    nodes.extend(
        graph.Node(step.name, step.after, _reported(step.name, reporter, step.run))
        for step in stack.steps
        if step.name in chosen
    )
    return nodes


def _reported(name: str, reporter: Reporter, action: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        reporter.begin(name)
        ok = False
        try:
            action()
            ok = True
        finally:
            reporter.end(name, ok=ok)

    return run


def _fetch_into(cache: Cache, home: Home, name: str) -> None:
    fetch.FETCHES[name](cache, home.log(f"fetch-{name}"))


def _start(stack: Stack, spec: ProcessSpec, patience: _Patience) -> Callable[[], None]:
    def run() -> None:
        if not supervisor.states(stack.home)[spec.name].pid:
            if spec.prepare is not None:
                spec.prepare()
            supervisor.start(stack.home, spec.name)
        _await_ready(stack, spec, patience)

    return run


def _await_ready(stack: Stack, spec: ProcessSpec, patience: _Patience) -> None:
    deadline = patience.clock.monotonic() + spec.start_timeout_s
    pids: set[int] = set()
    for tries in itertools.count():
        state = supervisor.states(stack.home)[spec.name]
        pids |= {state.pid} - {0}
        if state.pid:
            problem = readiness.problem(spec, state.pid, stack.context.settings.stack)
            if not problem:
                return
        else:
            problem = f"is {state.state} {state.note}".strip()
        if state.state == "FATAL" or len(pids) > STARTS_BEFORE_GIVING_UP or patience.clock.monotonic() > deadline:
            log = stack.home.log(spec.name)
            raise StackError(
                f"{problem}; `tidemark logs {spec.name}` shows more, its last lines are:\n{tail(log, ERROR_LINES)}"
            )
        patience.pause(tries)


def _abort(cancelled: threading.Event) -> None:
    """Make the running actions end soon: the waiting ones see the event, fetching programs are ended."""
    cancelled.set()
    for child in psutil.Process().children():
        try:
            if "lakehouse.local.warden" not in child.cmdline():
                child.terminate()
        except psutil.NoSuchProcess:
            continue


@contextmanager
def _exclusive(home: Home) -> Iterator[None]:
    """One `up` or `down` a home at a time; the second waits."""
    home.create()
    with home.control_lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
