"""Questions to the marts as the read-only analyst: one statement, its answer as text, errors that say what to do."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import TracebackType
from typing import Self

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from lakehouse.errors import TidemarkError
from lakehouse.settings import ClickHouseSettings
from lakehouse.stores import clickhouse

ONLY_READS = (
    "the analyst only reads the marts: one statement of SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN, "
    "without SETTINGS, and without FORMAT, which --format chooses"
)
NARROW = "narrow it: a WHERE on business_date (or the view's own partition), fewer columns, an aggregate, or a LIMIT"
NAMES = "`tidemark sql --list` shows the views, `tidemark sql --describe VIEW` the columns of one"
WAIT = "the analyst's quota is shared: wait a minute, or end queries that still run"
LOGIN = "TIDEMARK_CLICKHOUSE__ANALYST_USER and TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD are not those of the server"
# By ClickHouse's own error numbers, which no release has changed.
ADVICE: Mapping[int, str] = {
    36: ONLY_READS, 46: "see `SELECT name FROM system.functions`", 47: NAMES, 60: NAMES,
    62: "give one statement, without FORMAT, which --format chooses", 81: "`tidemark bootstrap` makes the marts",
    158: NARROW, 159: NARROW, 160: NARROW, 164: ONLY_READS, 193: LOGIN, 194: LOGIN, 201: WAIT, 202: WAIT,
    215: "put the column into GROUP BY, or into an aggregate", 241: NARROW, 307: NARROW, 396: NARROW,
    456: "give it a value: --param NAME=VALUE", 497: ONLY_READS, 516: LOGIN,
}  # fmt: skip
_EXCEPTION = re.compile(r"DB::Exception: (?P<text>.*?)(?: \(version .*)?\Z", re.DOTALL)


class QuestionFailed(TidemarkError):
    """ClickHouse refused or could not finish the statement, or is not there. The message says what to do."""


class Form(StrEnum):
    """How an answer is written. Decimals are written in full in each of them."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"

    @property
    def engine_name(self) -> str:
        """ClickHouse's name: JSON is one object a row and line."""
        return {Form.TABLE: "PrettyCompact", Form.CSV: "CSVWithNames", Form.JSON: "JSONEachRow"}[self]


class Analyst:
    """A connection as the read-only user, made by the first question. A context manager."""

    def __init__(self, section: ClickHouseSettings) -> None:
        self._section = section
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    def ask(self, statement: str, *, form: Form = Form.TABLE, parameters: Mapping[str, str] | None = None) -> bytes:
        """The whole answer as text, as large as the analyst's limits allow; `{name:Type}` takes a parameter.

        Raises QuestionFailed.
        """
        try:
            return self._connected().raw_query(statement, parameters=dict(parameters or {}), fmt=form.engine_name)
        except (ClickHouseError, HTTPError, OSError) as error:
            raise self._failure(error) from error

    def rows(self, statement: str, *, parameters: Mapping[str, str] | None = None) -> list[dict[str, object]]:
        """The answer's rows by column name. Raises QuestionFailed."""
        try:
            return list(self._connected().query(statement, parameters=dict(parameters or {})).named_results())
        except (ClickHouseError, HTTPError, OSError) as error:
            raise self._failure(error) from error

    def _connected(self) -> Client:
        if not self._section.analyst_password.get_secret_value():
            raise QuestionFailed("there is no analyst here: `tidemark up` makes one, or set its user and password")
        if self._client is None:
            self._client = clickhouse.connect(self._section, analyst=True)
        return self._client

    def _failure(self, error: Exception) -> QuestionFailed:
        code = error.code if isinstance(error, DatabaseError) else None
        if code is None:
            return QuestionFailed(f"{self._section.url} does not answer ({error}): `tidemark status` says why")
        found = _EXCEPTION.search(str(error))
        reason = found["text"].strip() if found else str(error)
        advice = ADVICE.get(code)
        return QuestionFailed(f"{reason} [{code}]" + (f"\n{advice}" if advice else ""))
