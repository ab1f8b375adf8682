"""The rows of ops.model_promotion: added under a lock, read by whoever asks what was in use when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

LOCK: Final[LiteralString] = (
    "SELECT pg_advisory_xact_lock(hashtextextended('tidemark/ops.model_promotion/' || %(model)s, 0))"
)
ADD: Final[LiteralString] = """
    INSERT INTO ops.model_promotion (model, kind, from_version, to_version, approver, reason, verdict, metrics,
                                     data_versions, mlflow_run_id, code_version, decided_at)
    VALUES (%(model)s, %(kind)s, %(from_version)s, %(to_version)s, %(approver)s, %(reason)s, %(verdict)s, %(metrics)s,
            %(data_versions)s, %(mlflow_run_id)s, %(code_version)s, %(decided_at)s)
"""
HISTORY: Final[LiteralString] = """
    SELECT model, kind, from_version, to_version, approver, reason, verdict, metrics, data_versions, mlflow_run_id,
           code_version, decided_at
    FROM ops.model_promotion WHERE model = %(model)s ORDER BY seq DESC LIMIT 1000
"""


class Kind(StrEnum):
    """How the version in use came to change."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A row. Versions are the registry's; `from_version` is None for the first of a model."""

    model: str
    kind: str
    from_version: int | None
    to_version: int
    approver: str
    reason: str
    verdict: Mapping[str, Any]
    metrics: Mapping[str, float]
    data_versions: Mapping[str, int]
    mlflow_run_id: str
    code_version: str
    decided_at: datetime


def lock(connection: Connection[TupleRow], model: str) -> None:
    """Wait until nobody else decides about the model; nobody does until the transaction ends."""
    connection.execute(LOCK, {"model": model})


def add(connection: Connection[TupleRow], row: Promotion) -> None:
    """Append a row. Raises IntegrityError for one that says nothing."""
    documents = {name: Jsonb(dict(getattr(row, name))) for name in ("verdict", "metrics", "data_versions")}
    plain = ("model", "from_version", "to_version", "approver", "reason", "mlflow_run_id", "code_version", "decided_at")
    connection.execute(ADD, {**{name: getattr(row, name) for name in plain}, **documents, "kind": str(row.kind)})


def history(connection: Connection[TupleRow], model: str) -> list[Promotion]:
    """The newest thousand changes of a model, newest first."""
    with connection.cursor(row_factory=class_row(Promotion)) as cursor:
        return cursor.execute(HISTORY, {"model": model}).fetchall()


def predecessor(rows: list[Promotion], version: int) -> int | None:
    """The version that was in use before `version` was put to use for the last time, going back not counted."""
    for row in rows:
        if row.to_version == version and row.kind != Kind.ROLLED_BACK:
            return row.from_version
    return None
