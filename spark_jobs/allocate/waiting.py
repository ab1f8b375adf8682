"""Who waits for weights at a close, under which policy, and what is held now: read from PostgreSQL at one instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow, class_row

from lakehouse.construction.objective_policy import policy_for
from lakehouse.construction.policy import Frequency
from lakehouse.construction.policy_document import document
from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from lakehouse.stores.books.history import PIVOTS
from spark_jobs.rebalance.policies import named

# Who has asked, and whoever is due or overdue by policy, or where there is none, by objective.
WAITING: Final[LiteralString] = """
    SELECT p.id AS portfolio_id, p.base_currency AS currency, a.asked_at,
           r.is_enabled, r.anchor_on, r.frequency, r.next_on, r.document,
           o.risk_tolerance, o.rebalancing_frequency, o.rebalances_on,
           EXISTS (
               SELECT FROM app.proposal AS c
               WHERE c.portfolio_id = p.id AND c.business_date = %(day)s AND c.confirmed_at IS NOT NULL
           ) AS is_confirmed
    FROM app.portfolio AS p
    LEFT JOIN app.allocation AS a ON a.portfolio_id = p.id
    LEFT JOIN app.rebalance_policy AS r ON r.portfolio_id = p.id
    LEFT JOIN app.objective AS o ON o.portfolio_id = p.id
    WHERE a.status = 'pending'
       OR (r.is_enabled AND r.next_on <= %(day)s)
       OR (r.portfolio_id IS NULL AND o.rebalances_on <= %(day)s)
    ORDER BY p.id
"""
HELD: Final[LiteralString] = """
    SELECT x.portfolio_id::text, x.symbol, x.quantity FROM app.position AS x
    WHERE x.portfolio_id = ANY (%s) AND x.quantity <> 0
"""
RATES: Final[LiteralString] = """
    SELECT f.base, f.quote, f.as_of, f.rate FROM market.fx_rate AS f
    WHERE f.base = ANY (%(wanted)s) AND f.quote = ANY (%(wanted)s) AND f.as_of BETWEEN %(since)s AND %(day)s
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A portfolio that waits, or is due, and all that says how it is to be kept. None where there is none."""

    portfolio_id: UUID
    currency: str
    asked_at: datetime | None
    is_enabled: bool | None
    anchor_on: date | None
    frequency: str | None
    next_on: date | None
    document: dict[str, Any] | None
    risk_tolerance: str | None
    rebalancing_frequency: str | None
    rebalances_on: date | None
    is_confirmed: bool

    @property
    def refusal(self) -> str:
        """Why no weights can be computed for it, whatever its books say; empty where they can."""
        if self.document is None and self.risk_tolerance is None:
            return (
                "it has neither an objective nor a rebalance policy: make one by POST /api/v1/objectives or "
                f"PUT /api/v1/portfolios/{self.portfolio_id}/rebalance-policy, which says what to aim at"
            )
        if self.is_enabled is False:
            return "its rebalance policy is not enabled"
        if self.is_confirmed:
            return "its proposal of this close has become orders: ask again when there is a newer close"
        return ""

    def policy(self, universe: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """The document of its policy, or of the one that its objective stands for, with the symbols of its currency."""
        if self.document is not None:
            return {**self.document, "frequency": self.frequency}
        usual = Frequency(str(self.rebalancing_frequency))
        return document(policy_for(str(self.risk_tolerance), usual, universe.get(self.currency, ())))


@dataclass(frozen=True, slots=True)
class Books:
    """Everybody who waits; of those for whom weights can be computed, the portfolios as `parameters.parse` reads them
    the units held by portfolio and symbol, and the exchange rates among currencies where there are several."""

    waiting: tuple[Waiting, ...]
    due: tuple[dict[str, Any], ...]
    units: Mapping[str, Mapping[str, Decimal]]
    rates: Rates


def read(section: PostgresSettings, day: date, universe: Mapping[str, tuple[str, ...]], *, since: date) -> Books:
    """The books at one instant, for the close of `day`, with rates from `since` on; `universe` are the symbols by
    currency, which may be bought where only an objective says what to do."""
    with postgres.connect(section) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        waiting = _waiting(connection, day)
        able = {each.portfolio_id: each.policy(universe) for each in waiting if not each.refusal}
        due = tuple(named(connection, able)) if able else ()
        currencies = {*universe, *(each.currency for each in waiting)}
        rates = _rates(connection, currencies, since, day) if len(currencies) > 1 else Rates(())
        return Books(tuple(waiting), due, _units(connection, list(able)), rates)


def _waiting(connection: Connection[TupleRow], day: date) -> Sequence[Waiting]:
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(WAITING, {"day": day}).fetchall()


def _units(connection: Connection[TupleRow], ids: list[UUID]) -> dict[str, dict[str, Decimal]]:
    held: dict[str, dict[str, Decimal]] = {}
    for portfolio, symbol, quantity in connection.execute(HELD, (ids,)).fetchall():
        held.setdefault(portfolio, {})[symbol] = quantity
    return held


def _rates(connection: Connection[TupleRow], currencies: set[str], since: date, day: date) -> Rates:
    told = {"wanted": sorted({*currencies, *PIVOTS}), "since": since, "day": day}
    with connection.cursor(row_factory=class_row(Quoted)) as cursor:
        return Rates(cursor.execute(RATES, told).fetchall())
