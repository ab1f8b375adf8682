"""The per-user cache of engines: each lies at `<engine>/<version>` and is either complete or absent."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cache:
    """`root` may be shared by any number of checkouts of one user."""

    root: Path

    def path(self, engine: str, version: str) -> Path:
        """Where that engine lies once installed. It exists only when it is complete."""
        return self.root / engine / version

    def install(self, engine: str, version: str, build: Callable[[Path, Path], None]) -> Path:
        """Return the engine's folder, building it first where it is missing.

        `build(draft, final)` fills the empty folder `draft`, which is then renamed to `final` in one step, so that
        a crash leaves no half of an engine; programs that need to know their own path are told `final`.
        Two checkouts that install at once wait for each other by a file lock.
        """
        final = self.path(engine, version)
        if final.exists():
            return final
        with self._locked(engine):
            if not final.exists():
                self._build(final, build)
        return final

    def _build(self, final: Path, build: Callable[[Path, Path], None]) -> None:
        final.parent.mkdir(parents=True, exist_ok=True)
        for stale in final.parent.glob(f".{final.name}.building-*"):
            shutil.rmtree(stale)
        draft = Path(tempfile.mkdtemp(prefix=f".{final.name}.building-", dir=final.parent))
        draft.chmod(0o755)
        try:
            build(draft, final)
            os.replace(draft, final)
        finally:
            if draft.exists():
                shutil.rmtree(draft)

    @contextmanager
    def _locked(self, engine: str) -> Iterator[None]:
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / engine).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
