"""The run manifest: all that is needed to recompute a batch result bit for bit."""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from importlib.metadata import version
from typing import Any

from lakehouse.settings import project_root


class State(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    PUBLISHED = "published"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """One partition as audited: its rows, content hash, and the sums that any engine can recompute."""

    row_count: int
    content_hash: str
    sums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One output as published: the Delta version that this run committed, what it holds of this run's scope, and of
    each check how many rows broke it: only of warnings more than none."""

    row_count: int
    content_hash: str
    partitions: Mapping[str, PartitionRecord] = field(default_factory=dict)
    delta_version: int | None = None
    checks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run: what went in, by which code and parameters, and what came out.

    `inputs` pins each input table's Delta version, `input_ids` is the id that each was created with; `parameters` are
    JSON values that the job decided on (windows, affected partitions, watermarks, seed); `counts` are rows by fate;
    `timings_s` seconds a step.
    """

    run_id: str
    job: str
    business_date: date
    state: State
    code_version: str
    environment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)
    input_ids: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, OutputRecord] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        return {**asdict(self), "business_date": self.business_date.isoformat(), "state": str(self.state)}

    def summary(self) -> dict[str, Any]:
        """The document without the detail per partition: small enough for a log line or an XCom."""
        told = self.document()
        for output in told["outputs"].values():
            output["partitions"] = len(output["partitions"])
            output["checks"] = {name: rows for name, rows in output["checks"].items() if rows}
        return told


def parse(document: Mapping[str, Any]) -> Manifest:
    """The manifest that `document()` told. Raises KeyError or TypeError for anything else."""
    told = dict(document)
    told["business_date"] = date.fromisoformat(told["business_date"])
    told["state"] = State(told["state"])
    told["outputs"] = {name: _output(found) for name, found in told["outputs"].items()}
    return Manifest(**told)


def code_version() -> str:
    """The git commit of the checkout, marked when it has local changes; the package's version outside of one."""
    told = subprocess.run(
        ["git", "-C", str(project_root()), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() if told.returncode == 0 else f"tidemark {version('tidemark')}"


def environment() -> str:
    """A digest of the lock file that the environment was installed from."""
    lock = project_root() / "requirements.lock"
    return f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}" if lock.is_file() else "no requirements.lock"


def _output(found: Mapping[str, Any]) -> OutputRecord:
    partitions = {value: PartitionRecord(**record) for value, record in found["partitions"].items()}
    return OutputRecord(**{**found, "partitions": partitions})
