"""How the stack is: what supervisord says of each process, and whether it answers its probe."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse.local import readiness, supervisor
from lakehouse.local.spec import ProcessSpec
from lakehouse.local.stack import Stack, wanted
from lakehouse.local.supervisor import ProcessState
from lakehouse.local.warden import descendants
from lakehouse.settings import Settings

SPAWNED = re.compile(r"INFO spawned: '([^']+)' with pid")
SUPERVISOR_STARTED = "INFO supervisord started with pid"
KB = 1024


@dataclass(frozen=True, slots=True)
class Flow:
    """`lag` messages wait, None where nothing can wait; `per_s` were done in the last second."""

    lag: int | None
    per_s: float


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process; `problem` says why it is not ready, `pss_bytes` what it and its children hold of memory;
    `flow` is what goes through it, where messages do and that was measured."""

    name: str
    state: str
    ready: bool
    pid: int
    uptime_s: int
    restarts: int
    url: str
    problem: str = ""
    pss_bytes: int = 0
    flow: Flow | None = None


@dataclass(frozen=True, slots=True)
class StackStatus:
    """All processes that were asked for, and where people look."""

    urls: dict[str, str]
    processes: tuple[ProcessStatus, ...]
    pss_bytes: int

    @property
    def ready(self) -> bool:
        return bool(self.processes) and all(process.ready for process in self.processes)

    def document(self) -> dict[str, object]:
        """The form of `tidemark status --json`."""
        fields = ("name", "state", "ready", "pid", "uptime_s", "restarts", "url", "pss_bytes")
        return {
            "urls": self.urls,
            "pss_bytes": self.pss_bytes,
            "processes": [
                {
                    **{name: getattr(process, name) for name in fields},
                    "lag": process.flow.lag if process.flow else None,
                    "per_s": round(process.flow.per_s, 1) if process.flow else None,
                }
                for process in self.processes
            ],
        }

    def with_flows(self, flows: Mapping[str, Flow]) -> "StackStatus":
        """The same, with what goes through each process."""
        processes = tuple(replace(process, flow=flows.get(process.name)) for process in self.processes)
        return replace(self, processes=processes)


def read(settings: Settings, stack: Stack | None) -> StackStatus:
    """Ask supervisord and every process. Blocks a few seconds at most; None is a stack that was never brought up."""
    if stack is None or not supervisor.is_running(stack.home):
        names = wanted(stack.home) if stack is not None else ()
        down = tuple(
            ProcessStatus(name, "STOPPED", ready=False, pid=0, uptime_s=0, restarts=0, url="") for name in names
        )
        return StackStatus(urls_of(settings), down, 0)
    asked = set(wanted(stack.home))
    specs = [spec for spec in stack.specs if spec.name in asked]
    states = supervisor.states(stack.home)
    problems = _problems(stack, specs, states)
    starts = _starts(stack.home.log("supervisord"))
    found = []
    for spec in specs:
        state = states[spec.name]
        problem = problems[spec.name]
        found.append(
            ProcessStatus(
                name=spec.name,
                state=_state(state.state, ready=not problem),
                ready=not problem,
                pid=state.pid,
                uptime_s=state.uptime_s,
                restarts=max(starts[spec.name] - 1, 0),
                url=spec.url,
                problem=problem,
                pss_bytes=pss(state.pid) if state.pid else 0,
            )
        )
    return StackStatus(urls_of(settings), tuple(found), pss(supervisor.warden_pid(stack.home) or 0))


def urls_of(settings: Settings) -> dict[str, str]:
    """Where people and tools look."""
    return {
        "api": settings.serving.url,
        "airflow": settings.airflow.url,
        "mlflow": settings.mlflow.tracking_uri,
        "clickhouse": settings.clickhouse.url,
        "s3": settings.s3.endpoint_url,
        "prometheus": settings.prometheus.url,
    }


def pss(root: int) -> int:
    """Bytes of memory of a process and all below it, shared pages counted once in all; 0 if there is none."""
    return sum(_pss(pid) for pid in (root, *descendants(root))) if root else 0


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) * KB for line in text.splitlines() if line.startswith("Pss:"))


def _problems(stack: Stack, specs: Iterable[ProcessSpec], states: Mapping[str, ProcessState]) -> dict[str, str]:
    """Why each process is not ready; empty text if it is. All are asked at once."""
    specs = list(specs)
    with ThreadPoolExecutor(max_workers=max(len(specs), 1)) as pool:
        found = pool.map(lambda spec: _problem(stack, spec, states[spec.name]), specs)
        return dict(zip((spec.name for spec in specs), found, strict=True))


def _problem(stack: Stack, spec: ProcessSpec, state: ProcessState) -> str:
    if not state.pid:
        return state.note or f"is {state.state}"
    return readiness.problem(spec, state.pid, stack.context.settings.stack)


def _state(word: str, *, ready: bool) -> str:
    """supervisord's word, but what answers already runs: supervisord waits some time before it says so."""
    return "RUNNING" if ready and word == "STARTING" else word


def _starts(log: Path) -> Counter[str]:
    """How often each process was started since supervisord was: it keeps no such number, but it logs every start."""
    counts: Counter[str] = Counter()
    text = "".join(part.read_text(encoding="utf-8") for part in (log.with_name(f"{log.name}.1"), log) if part.exists())
    for line in text.splitlines():
        if SUPERVISOR_STARTED in line:
            counts.clear()
        elif found := SPAWNED.search(line):
            counts[found.group(1)] += 1
    return counts
