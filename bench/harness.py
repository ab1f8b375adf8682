"""What every workload shares: a result, its file, one table, and a scratch stack to run on."""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from lakehouse.clock import SystemClock
from lakehouse.local import stack as local_stack
from lakehouse.local.progress import Progress
from lakehouse.settings import Settings, load, project_root

REPEATS = 3
OUT = project_root() / "bench" / "out"


def machine() -> str:
    """The processor, cores in reach, memory and load at this moment."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = len(os.sched_getaffinity(0))
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{model}, {cores} cores, {memory_gib:.0f} GiB, load {psutil.getloadavg()[0]:.1f}"


def stolen(since: tuple[float, ...], until: tuple[float, ...]) -> float:
    """The share of the time of all cores between two psutil.cpu_times() that the host of a virtual machine gave to
    others: numbers are as good as this is small. 0 where the system does not tell."""
    passed = sum(until) - sum(since)
    return (getattr(until, "steal", 0.0) - getattr(since, "steal", 0.0)) / passed if passed else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """One number of ours beside others: `limit` is what nothing of this kind can pass here, None where unknown.

    `goal` is the number that we set ourselves; `lower_is_better` says which way it is passed.
    """

    name: str
    unit: str
    ours: float
    peers: dict[str, float] = field(default_factory=dict)
    limit: float | None = None
    goal: float | None = None
    lower_is_better: bool = False
    notes: str = ""
    machine: str = field(default_factory=machine)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.ours <= self.goal if self.lower_is_better else self.ours >= self.goal

    def write(self, folder: Path = OUT) -> Path:
        """Write NAME.json into the folder and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def table(results: Sequence[Result]) -> Table:
    """All results, one a line."""
    shown = Table(title="Tidemark benchmarks", caption=results[0].machine if results else None)
    for name, right in (("workload", False), ("unit", False), ("ours", True), ("goal", True), ("peers", False)):
        shown.add_column(name, justify="right" if right else "left", no_wrap=name != "peers")
    shown.add_column("limit", justify="right")
    shown.add_column("of limit", justify="right")
    for result in results:
        peers = ", ".join(f"{name} {_number(value)}" for name, value in result.peers.items())
        share = "" if not result.limit else f"{result.ours / result.limit:.0%}"
        colour = {None: "", True: "[green]", False: "[red]"}[result.met]
        shown.add_row(
            result.name,
            result.unit,
            f"{colour}{_number(result.ours)}",
            _number(result.goal),
            peers,
            _number(result.limit),
            share,
        )
    return shown


def wall_s(action: Callable[[], object]) -> float:
    """Median seconds of REPEATS runs after one to warm up."""
    clock = SystemClock()
    action()
    taken = []
    for _ in range(REPEATS):
        began = clock.monotonic()
        action()
        taken.append(clock.monotonic() - began)
    return median(taken)


@contextmanager
def scratch_stack(names: tuple[str, ...], console: Console) -> Iterator[Settings]:
    """Settings of a stack of its own with these processes, gone afterwards: a benchmark never fills a user's lake."""
    home, clock = Path(tempfile.mkdtemp(prefix="tidemark-bench-")), SystemClock()
    try:
        with Progress(console, clock) as progress:
            local_stack.up(names, progress, clock, home=home)
        yield load(home)
    finally:
        local_stack.down(clock, home=home)
        shutil.rmtree(home)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
