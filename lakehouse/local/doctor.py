"""`tidemark doctor`: is this machine fit, is what was fetched intact, does every engine answer, and what to do."""

import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import psutil

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local import envfile, fetch, launch, ports, status, supervisor
from lakehouse.local.home import PRIVATE_FILE, Home
from lakehouse.local.install import debian, jars, tools
from lakehouse.local.install.cache import Cache
from lakehouse.local.stack import existing
from lakehouse.settings import Settings, cache_dir, project_root

GIB = 1024**3
MEMORY_GOOD, MEMORY_LEAST = 8 * GIB, 5 * GIB
DISK_GOOD, DISK_LEAST = 15 * GIB, 3 * GIB
PYTHON = (3, 11)
CLOCK_TOLERANCE_S = 60.0


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing; `remedy` says what to do unless it is well."""

    name: str
    level: Level
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at."""

    settings: Settings
    home: Home
    cache: Cache
    clock: Clock


Check = Callable[[Patient], Iterator[Finding]]


def examine(settings: Settings, clock: Clock) -> tuple[Finding, ...]:
    """Every finding, in a fixed order. Changes nothing; blocks some seconds."""
    patient = Patient(settings, Home(settings.home), Cache(cache_dir(settings.stack)), clock)
    with ThreadPoolExecutor(max_workers=len(CHECKS)) as pool:
        groups = list(pool.map(lambda check: tuple(check(patient)), CHECKS))
    return tuple(finding for group in groups for finding in group)


def exit_code(findings: tuple[Finding, ...]) -> int:
    """0 when all is well, 1 with warnings, 2 with errors."""
    levels = {finding.level for finding in findings}
    return 2 if Level.ERROR in levels else int(Level.WARNING in levels)


def document(findings: tuple[Finding, ...]) -> dict[str, object]:
    """The form of `tidemark doctor --json`."""
    return {"exit_code": exit_code(findings), "findings": [asdict(finding) for finding in findings]}


def versions(_patient: Patient) -> Iterator[Finding]:
    """Python, Java and the two Spark packages that share their files."""
    found = sys.version_info[:2]
    level = Level.OK if found == PYTHON else Level.ERROR
    yield Finding("python", level, sys.version.split()[0], "" if level is Level.OK else "use Python 3.11")
    try:
        java = tools.java()
        yield Finding("java", Level.OK, f"{java.version_text} ({java.path})")
    except tools.ToolMissingError as error:
        yield Finding("java", Level.ERROR, str(error), "install Java 17 or later")
    server, client = metadata.version("pyspark"), metadata.version("pyspark-client")
    same = server == client
    remedy = "" if same else "run `make install`: unequal versions overwrite each other's files"
    yield Finding("pyspark", Level.OK if same else Level.ERROR, f"pyspark {server}, pyspark-client {client}", remedy)


def fetched(patient: Patient) -> Iterator[Finding]:
    """What lies in the cache, and what is needed to bring the rest."""
    for name, there in fetch.installed(patient.cache).items():
        detail = "in the cache" if there else "not fetched yet"
        yield Finding(name, Level.OK if there else Level.WARNING, detail, "" if there else "run `tidemark fetch`")
    if not fetch.installed(patient.cache)["minio"]:
        try:
            yield Finding("go", Level.OK, tools.go().version_text)
        except tools.ToolMissingError as error:
            yield Finding("go", Level.ERROR, str(error), "install Go 1.24 or later")
    if not fetch.installed(patient.cache)["debian"]:
        try:
            yield Finding("apt", Level.OK, debian.mirror())
        except TidemarkError as error:
            yield Finding(
                "apt", Level.ERROR, str(error), "use Debian or Ubuntu with a Debian mirror, or docker-compose.yml"
            )


def jar_sets(patient: Patient) -> Iterator[Finding]:
    """Every fetched jar is the one that was locked."""
    for name in ("kafka", "lake"):
        where = jars.folder(patient.cache, name)
        locked = jars.read_lock(jars.lock_path(name))
        if not where.exists():
            continue
        try:
            jars.verify(where, locked)
            yield Finding(f"{name} jars", Level.OK, f"{len(locked)} jars have their locked sha256")
        except jars.JarError as error:
            yield Finding(f"{name} jars", Level.ERROR, str(error), f"remove {where} and run `tidemark fetch`")


def memory(_patient: Patient) -> Iterator[Finding]:
    """The idle stack takes about 5 GiB."""
    total = psutil.virtual_memory().total
    level = Level.OK if total >= MEMORY_GOOD else Level.WARNING if total >= MEMORY_LEAST else Level.ERROR
    remedy = "" if level is Level.OK else "start a part of the stack: `tidemark up --only ...`"
    yield Finding("memory", level, f"{total / GIB:.1f} GiB in all", remedy)


def disk(patient: Patient) -> Iterator[Finding]:
    """Room for data and for engines."""
    for name, path in (("disk of home", patient.home.root), ("disk of cache", patient.cache.root)):
        free = shutil.disk_usage(_existing_parent(path)).free
        level = Level.OK if free >= DISK_GOOD else Level.WARNING if free >= DISK_LEAST else Level.ERROR
        yield Finding(
            name, level, f"{free / GIB:.1f} GiB free at {path}", "" if level is Level.OK else "free some space"
        )


def clock_sanity(patient: Patient) -> Iterator[Finding]:
    """The clock is not behind what this machine has already written: event times and keys hang on it."""
    files = [path for path in (project_root() / "requirements.lock", patient.home.stack_env) if path.exists()]
    newest = max((datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files), default=patient.clock.now())
    behind_s = (newest - patient.clock.now()).total_seconds()
    level = Level.ERROR if behind_s > CLOCK_TOLERANCE_S else Level.OK
    remedy = "" if level is Level.OK else f"the clock is {behind_s:.0f} s behind the files of this machine: set it"
    yield Finding("clock", level, patient.clock.now().isoformat(timespec="seconds"), remedy)


def privileges(patient: Patient) -> Iterator[Finding]:
    """PostgreSQL refuses to be root."""
    try:
        words = launch.words()
    except launch.NoUnprivilegedUserError as error:
        yield Finding("postgres user", Level.ERROR, str(error), "run as an ordinary user")
        return
    yield Finding("postgres user", Level.OK, Path(words[0]).name if words else "started as the current user")


def secrets_file(patient: Patient) -> Iterator[Finding]:
    """stack.env is closed to others."""
    path = patient.home.stack_env
    if not path.exists():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    closed = mode == PRIVATE_FILE
    remedy = "" if closed else f"chmod 600 {path}, then `tidemark reset --yes` if others may have read it"
    yield Finding("stack.env", Level.OK if closed else Level.ERROR, f"mode {mode:o}", remedy)


def preferred_ports(patient: Patient) -> Iterator[Finding]:
    """Who holds the ports that the stack would take."""
    if supervisor.is_running(patient.home):
        return
    _, busy = ports.choose(patient.settings.stack, keep={})
    for taken in busy:
        detail = f"{taken.wanted} is held by {taken.holder}"
        yield Finding(f"port of {taken.name}", Level.WARNING, detail, f"`tidemark up` will take {taken.chosen}")
    if not busy:
        yield Finding("ports", Level.OK, "all preferred ports are free")


def engines(patient: Patient) -> Iterator[Finding]:
    """Every process of the running stack answers."""
    stack = existing(patient.home.root) if envfile.read(patient.home.stack_env).values else None
    found = status.read(patient.settings, stack)
    if stack is None or not supervisor.is_running(patient.home):
        yield Finding("stack", Level.OK, "not running: `tidemark up` starts it")
        return
    for process in found.processes:
        remedy = "" if process.ready else f"`tidemark logs {process.name}`, then `tidemark up`"
        level = Level.OK if process.ready else Level.ERROR
        yield Finding(process.name, level, process.problem or f"answers ({process.url or 'no address'})", remedy)


def _existing_parent(path: Path) -> Path:
    return next(found for found in (path, *path.parents) if found.exists())


CHECKS: tuple[Check, ...] = (
    *(versions, fetched, jar_sets, memory, disk, clock_sanity),
    *(privileges, secrets_file, preferred_ports, engines),
)
