"""Reading a process's log: its last lines, and what follows them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.local.home import Home

POLL_S = 0.3
KEEP_DAYS = 30


class NoLogError(TidemarkError):
    """No log of that name."""


def path_of(home: Home, name: str) -> Path:
    """The log file of `name`. Raises NoLogError that lists what there is."""
    path = home.log(name)
    if path.parent != home.logs or not path.exists():
        known = ", ".join(sorted(found.stem for found in home.logs.glob("*.log"))) or "none yet: run `tidemark up`"
        raise NoLogError(f"no log {name!r} in {home.logs}; there are {known}")
    return path


def prune_airflow(home: Home, clock: Clock) -> int:
    """Remove Airflow's logs untouched for KEEP_DAYS, and folders that are empty by then. Returns how many files.

    Airflow writes a file a try of a task, and has no means of its own to remove them.
    """
    folder = home.logs / "airflow"
    oldest = (clock.now() - timedelta(days=KEEP_DAYS)).timestamp()
    old = [path for path in folder.rglob("*") if not path.is_dir() and path.lstat().st_mtime < oldest]
    for path in old:
        path.unlink()
    for emptied in sorted({parent for path in old for parent in path.relative_to(folder).parents}, reverse=True):
        if emptied != Path() and not any((folder / emptied).iterdir()):
            (folder / emptied).rmdir()
    return len(old)


def follow(path: Path, clock: Clock) -> Iterator[str]:
    """Text appended to `path` from now on, for ever; goes on in the new file after a rotation."""
    file = path.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, 2)
        while True:
            text = file.read()
            if text:
                yield text
            elif path.exists() and path.stat().st_ino != Path(f"/proc/self/fd/{file.fileno()}").stat().st_ino:
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                clock.sleep(POLL_S)
    finally:
        file.close()
