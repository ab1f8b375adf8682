"""A Delta table's log and a few rows, read in a thread with a time limit."""

import asyncio
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
import pyarrow as pa
from anyio import CapacityLimiter, to_thread
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse.contracts.model import Table
from lakehouse.errors import TidemarkError
from lakehouse.settings import S3Settings
from lakehouse.stores import delta

THREADS: Final = 2
TEXT_CHARACTERS: Final = 500


class LakeUnavailable(TidemarkError):
    """The object store did not answer in time, or refused."""


class TableNotWritten(TidemarkError):
    """The contract exists, the table does not yet."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the log says; `rows` is None where a file has no statistics."""

    version: int
    files: int
    rows: int | None
    bytes: int
    partitioned_by: list[str]
    partitions: int
    columns: dict[str, str]
    sample: list[dict[str, Any]]


class Lake:
    """Reads tables of the contracts. Two at a time, so that a hanging store holds two threads and no more."""

    def __init__(self, section: S3Settings, *, timeout_s: float) -> None:
        self._section = section
        self._timeout_s = timeout_s
        self._limiter = CapacityLimiter(THREADS)

    async def describe(self, table: Table, *, sample: int) -> Description:
        """The table now. Raises TableNotWritten, and LakeUnavailable after the time limit at most."""
        work = partial(_describe, self._section, table, sample, self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
        except TableNotFoundError as error:
            raise TableNotWritten(f"{table.name} has not been written yet") from error
        except (DeltaError, OSError, TimeoutError) as error:
            raise LakeUnavailable(f"{self._section.endpoint_url}: {error or 'no answer in time'}") from error


def _describe(section: S3Settings, table: Table, sample: int, timeout_s: float) -> Description:
    patience = {"timeout": f"{math.ceil(timeout_s)}s", "connect_timeout": "2s", "max_retries": "1"}
    found = DeltaTable(delta.uri(section, table), storage_options={**delta.options(section), **patience})
    actions = found.get_add_actions(flatten=True)
    logged = pa.table(actions)
    columns: dict[str, list[Any]] = logged.to_pydict()
    counts = columns.get("num_records", [None])
    metadata = found.metadata()
    names = [f"partition.{name}" for name in metadata.partition_columns]
    keys = {tuple(str(columns[name][row]) for name in names) for row in range(actions.num_rows)} if names else set()
    return Description(
        version=found.version(),
        files=actions.num_rows,
        rows=None if any(count is None for count in counts) and actions.num_rows else sum(filter(None, counts)),
        bytes=sum(columns.get("size_bytes", [])),
        partitioned_by=list(metadata.partition_columns),
        partitions=len(keys),
        columns={field.name: str(field.type) for field in found.to_pyarrow_dataset().schema},
        sample=_rows(found, sample),
    )


def _rows(found: DeltaTable, count: int) -> list[dict[str, Any]]:
    if not count:
        return []
    rows = found.to_pyarrow_dataset().head(count).to_pylist()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    """A value as JSON has it: exact numbers and times as text, what is too long cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value[:TEXT_CHARACTERS].decode(errors="replace")
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode().strip('"')
    return text[:TEXT_CHARACTERS]
