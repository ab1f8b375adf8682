"""What a process of the stack is: declared once, rendered for supervisord, watched by its probe."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from lakehouse.errors import TidemarkError
from lakehouse.local.envfile import StackEnv
from lakehouse.local.home import Home
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import Tool
from lakehouse.settings import Settings


class UnknownProcessError(TidemarkError):
    """A name that no process and no group of processes has."""


class Role(StrEnum):
    """Engines hold data and start first; the platform's own and the tools' processes come after them."""

    ENGINE = "engine"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class StackContext:
    """All that the specs are rendered from. `settings` already carries this stack's ports and secrets."""

    settings: Settings
    home: Home
    cache: Cache
    env: StackEnv
    java: Tool
    python: Path
    project: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One supervised process.

    `argv` carries no secret; `files` (path -> text) are written with mode 0600 before the start, then `prepare` runs.
    `needs` names what must be fetched, `after` the processes and steps that must be ready first,
    `uses` those that are started too but not waited for.
    `probe` raises when the process does not answer as a client needs it to. `stop_signal` asks it to end cleanly,
    `stop_wait_s` later it is killed.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    probe: Callable[[], None]
    cwd: Path
    ports: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[Path, str] = field(default_factory=lambda: MappingProxyType({}))
    prepare: Callable[[], None] | None = None
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    url: str = ""
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    start_timeout_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One idempotent action between the starts, as creating buckets.

    It runs on every `up` that starts what it waits for; one `on_demand` only if a selected process waits for it.
    """

    name: str
    after: tuple[str, ...]
    run: Callable[[], None]
    on_demand: bool = False


GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"airflow": ("airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")}
)


def select(names: Iterable[str], specs: Iterable[ProcessSpec], steps: Iterable[Step]) -> frozenset[str]:
    """Names of the processes and steps to run: those asked for and, transitively, what they wait for and use.

    A step that waits only for selected processes runs as well. Raises UnknownProcessError that lists what exists.
    """
    nodes: list[ProcessSpec | Step] = [*specs, *steps]
    by_name = {node.name: node for node in nodes}
    processes = [name for name, node in by_name.items() if isinstance(node, ProcessSpec)]
    queue = [member for name in names for member in GROUPS.get(name, (name,))]
    for name in queue:
        if name not in processes:
            known = ", ".join((*processes, *GROUPS))
            raise UnknownProcessError(f"no process {name!r} in the stack; there are {known}")
    chosen: set[str] = set()
    while queue:
        node = by_name[queue.pop()]
        if node.name not in chosen:
            chosen.add(node.name)
            queue.extend(node.after)
            queue.extend(node.uses if isinstance(node, ProcessSpec) else ())
    return frozenset(chosen | _free_steps(chosen, [node for node in nodes if isinstance(node, Step)]))


def _free_steps(chosen: set[str], steps: Iterable[Step]) -> set[str]:
    added: set[str] = set()
    for step in steps:  # in declaration order, so that a step may wait for an earlier one
        if not step.on_demand and set(step.after) <= chosen | added:
            added.add(step.name)
    return added
