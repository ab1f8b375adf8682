"""How much the read-only user may take: per query by the engine's settings, over time and at once by a gate here."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lakehouse.clock import Clock
from lakehouse.local.clickhouse.errors import ClickHouseError

ANALYST_QUERY_BYTES = 65_536
ANALYST_LIMITS: Mapping[str, str] = {
    "max_execution_time": "30",
    "timeout_overflow_mode": "throw",
    "max_memory_usage": "2000000000",
    "max_rows_to_read": "200000000",
    "max_bytes_to_read": "20000000000",
    "read_overflow_mode": "throw",
    "max_result_rows": "1000000",
    "max_result_bytes": "500000000",
    "result_overflow_mode": "throw",
    "max_threads": "2",
    "max_query_size": str(ANALYST_QUERY_BYTES),
    "max_ast_elements": "20000",
    "max_subquery_depth": "50",
    "function_sleep_max_microseconds_per_block": "1000000",
    "table_function_remote_max_addresses": "1",
    "allow_ddl": "0",
    # No limit, but what people expect of money: 1.50, not 1.5.
    "output_format_decimal_trailing_zeros": "1",
}
# What a read-only user may choose in the URL: a ceiling where there is one, None where any value is harmless.
# async_insert, result_overflow_mode and the binary JSON setting are what the JDBC driver sends with every SELECT.
ANALYST_CHOICES: Mapping[str, int | None] = {
    "async_insert": None,
    "date_time_output_format": None,
    "extremes": None,
    "join_use_nulls": None,
    "max_block_size": 65_536,
    "max_execution_time": 30,
    "max_result_rows": 1_000_000,
    "max_threads": 2,
    "output_format_arrow_string_as_string": None,
    "output_format_binary_write_json_as_string": None,
    "output_format_json_named_tuples_as_objects": None,
    "output_format_json_quote_64bit_integers": None,
    "output_format_json_quote_decimals": None,
    "output_format_json_quote_denormals": None,
    "output_format_native_encode_types_in_binary_format": None,
    "output_format_parquet_string_as_string": None,
    "output_format_pretty_max_rows": None,
    "result_overflow_mode": None,
    "session_timezone": None,
}


def analyst_settings(requested: Mapping[str, str]) -> dict[str, str]:
    """The settings of a read-only query: its limits, its permitted wishes, and `readonly = 1` last, which locks them.

    Raises ClickHouseError 164 for a setting that a read-only user may not choose, 452 above its ceiling.
    """
    chosen = dict(ANALYST_LIMITS)
    for name, value in requested.items():
        if name not in ANALYST_CHOICES:
            raise ClickHouseError(164, "READONLY", f"Cannot modify '{name}' setting in readonly mode.")
        ceiling = ANALYST_CHOICES[name]
        if ceiling is not None and not (value.isdecimal() and 0 < int(value) <= ceiling):
            message = f"Setting {name} shouldn't be greater than {ceiling}."
            raise ClickHouseError(452, "SETTING_CONSTRAINT_VIOLATION", message)
        chosen[name] = value
    chosen.pop("readonly", None)
    return {**chosen, "readonly": "1"}


class Quota:
    """At most `queries` starts in `interval_s` seconds and `at_once` at a time. Thread-safe; never waits."""

    def __init__(self, clock: Clock, *, queries: int = 1200, interval_s: float = 60.0, at_once: int = 8) -> None:
        self._clock = clock
        self._queries = queries
        self._interval_s = interval_s
        self._at_once = at_once
        self._lock = threading.Lock()
        self._starts: deque[float] = deque()
        self._running = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count one query for as long as the block lasts. Raises ClickHouseError 201 or 202 when there is no room."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Take a place. Raises ClickHouseError 201 (too many in the interval) or 202 (too many at once)."""
        with self._lock:
            now = self._clock.monotonic()
            while self._starts and self._starts[0] <= now - self._interval_s:
                self._starts.popleft()
            if len(self._starts) >= self._queries:
                message = f"Quota for read-only users exceeded: {self._queries} queries in {self._interval_s:.0f} s."
                raise ClickHouseError(201, "QUOTA_EXCEEDED", message)
            if self._running >= self._at_once:
                message = f"Too many simultaneous queries for a read-only user. Maximum: {self._at_once}."
                raise ClickHouseError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)
            self._starts.append(now)
            self._running += 1

    def leave(self) -> None:
        """Give the place back."""
        with self._lock:
            self._running -= 1
