"""What a job's process and whoever starts it (a DAG, `tidemark run`) agree on: arguments, exit status, last line."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

from lakehouse.contracts.model import ContractError


class JobExit(IntEnum):
    """Exit statuses of a job's process. Anything else is taken as UNEXPECTED, a signal too."""

    PUBLISHED = 0
    UNEXPECTED = 1
    USAGE = 2
    """The arguments are wrong: the same command fails again."""
    DATA = 65
    """The input, a check or a contract is wrong (EX_DATAERR): the same command fails again until those change."""
    UNAVAILABLE = 75
    """An engine did not answer (EX_TEMPFAIL): worth another try."""
    NOTHING_TO_DO = 99
    """The day has no input by the calendar (a holiday): nothing was published, and nothing is wrong."""


FINAL = frozenset({JobExit.USAGE, JobExit.DATA})
"""Failures that another try cannot mend."""

POOLS: Mapping[str, int] = {"spark": 2, "clickhouse": 2, "maintenance": 1, "train": 1, "promotion": 1}
"""Slots of each Airflow pool that a Job may name: how many such jobs run at once."""


@dataclass(frozen=True, slots=True)
class Published:
    """One output of a run. `delta_version` is None where the output is no Delta table."""

    row_count: int
    delta_version: int | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """The last line that a job prints on stdout: small enough for an XCom, no data in it."""

    run_id: str
    outputs: Mapping[str, Published] = field(default_factory=dict)

    def line(self) -> str:
        """The result as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def arguments(business_date: str, run_id: str, *, approver: str | None = None) -> tuple[str, ...]:
    """The command-line arguments of every job; `business_date` is YYYY-MM-DD. `approver` is the person who approved
    this run, for jobs that an approval goes before."""
    told = () if approver is None else (f"--approved-by={approver}",)
    return ("--business-date", business_date, "--run-id", run_id, *told)


def parse_result(line: str) -> JobResult:
    """Read a job's last line; fields that are not of the result are left alone. Raises ContractError."""
    try:
        told: Any = json.loads(line)
        outputs = {name: _published(found) for name, found in told.get("outputs", {}).items()}
        return JobResult(str(told["run_id"]), outputs)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContractError(
            f"a job's last line on stdout must be its result as JSON with run_id and outputs; it was {line[:200]!r}"
        ) from error


def _published(found: Mapping[str, Any]) -> Published:
    version = found.get("delta_version")
    return Published(int(found["row_count"]), None if version is None else int(version))
