"""Scores that services gave, by the trained model that gave them: what a model's drift is measured on."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres

NEWEST: Final = 20_000
"""Rows looked at, the newest: ids are UUIDs of version 7, so that the primary key finds them."""


class Scored(StrEnum):
    """What a check scores."""

    PAYMENTS = "payments"
    CUSTOMERS = "customers"
    ORDERS = "orders"


STATEMENTS: Final[dict[Scored, LiteralString]] = {
    Scored.PAYMENTS: """
        SELECT n.score FROM (
            SELECT p.fraud_score AS score, p.fraud_reasons AS reasons FROM app.payment AS p
            WHERE p.created_at >= %(first)s AND p.created_at < %(end)s ORDER BY p.id DESC LIMIT %(newest)s
        ) AS n WHERE n.reasons @> %(reason)s
    """,
    Scored.CUSTOMERS: """
        SELECT n.score FROM (
            SELECT c.ai_identity_score AS score, c.ai_identity_reasons AS reasons FROM app.customer AS c
            WHERE c.created_at >= %(first)s AND c.created_at < %(end)s ORDER BY c.id DESC LIMIT %(newest)s
        ) AS n WHERE n.reasons @> %(reason)s
    """,
    Scored.ORDERS: """
        SELECT n.score FROM (
            SELECT o.surveillance_score AS score, o.surveillance_reason AS reason FROM trading.order AS o
            WHERE o.created_at >= %(first)s AND o.created_at < %(end)s ORDER BY o.id DESC LIMIT %(newest)s
        ) AS n WHERE split_part(n.reason, ' by ', 2) = %(source)s AND n.score IS NOT NULL
    """,
}


def given(section: PostgresSettings, scored: Scored, source: str, *, last: date, days: int) -> list[float]:
    """The scores that the model `source` (NAME@VERSION) gave to what was made in the `days` up to `last`, of the NEWEST
    of these rows. Raises psycopg.OperationalError."""
    asked = {
        "source": source,
        "reason": Jsonb([{"rule": source}]),
        "first": last - timedelta(days=days - 1),
        "end": last + timedelta(days=1),
        "newest": NEWEST,
    }
    with postgres.connect(section) as connection:
        return [float(row[0]) for row in connection.execute(STATEMENTS[scored], asked)]
