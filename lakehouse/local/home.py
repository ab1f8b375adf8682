"""Where the embedded stack keeps its things: one home a stack, one cache a user."""

import os
from dataclasses import dataclass
from pathlib import Path

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Home:
    """`$TIDEMARK_HOME`: endpoints and secrets, rendered configuration, data, logs, the supervisor's socket."""

    root: Path

    @property
    def stack_env(self) -> Path:
        return self.root / "stack.env"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def warden_lock(self) -> Path:
        return self.run / "warden.lock"

    @property
    def control_lock(self) -> Path:
        return self.run / "control.lock"

    def data(self, engine: str) -> Path:
        """The data folder of one engine."""
        return self.root / "data" / engine

    def log(self, process: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{process}.log"

    def create(self) -> None:
        """Make the folders that are missing, closed to other users. Idempotent."""
        for folder in (self.root, self.conf, self.run, self.logs, self.root / "data"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(PRIVATE_DIR)


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file only its owner can read. Safe against a crash half-way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), PRIVATE_FILE)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
