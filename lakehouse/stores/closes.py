"""Daily bars of the lake's silver, published to PostgreSQL for the instruments that it knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, LiteralString

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError
from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.contracts.tables import table
from lakehouse.domain.quote import Bar
from lakehouse.settings import S3Settings
from lakehouse.stores import delta
from lakehouse.stores.quotes import put_bars

LOOK_BACK: Final = timedelta(days=10)
"""Bars that land late, or are corrected, are published up to so long after their day."""
ROWS_AT_ONCE: Final = 20_000
COLUMNS: Final = ("symbol", "business_date", "currency", "open", "high", "low", "close", "volume", "provider")
KNOWN: Final[LiteralString] = """
    SELECT i.symbol, i.currency, EXISTS (
        SELECT FROM market.bar AS b WHERE b.symbol = i.symbol AND b.interval = '1d' AND b.starts_at < %(first)s
    ) AS has_past
    FROM app.instrument AS i
"""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication wrote: bars that are new or differ, and of how many symbols any were looked at.

    `other_currency` are symbols left out because silver has them in another currency than their instrument.
    """

    bars: int
    symbols: int
    other_currency: tuple[str, ...]


def publish(connection: Connection[TupleRow], section: S3Settings, last: date, *, clock: Clock) -> Published:
    """Publish bars of the days up to `last`: of LOOK_BACK, and of all the past of an instrument that has none before.

    Twice writes nothing the second time. Nothing is published where silver does not exist yet.
    """
    first = last - LOOK_BACK
    start = datetime.combine(first, time(), UTC)
    known = {str(row[0]): (str(row[1]), bool(row[2])) for row in connection.execute(KNOWN, {"first": start})}
    try:
        silver = delta.open_table(section, table("silver.daily_bars_v1")).to_pyarrow_dataset()
    except TableNotFoundError:
        return Published(0, 0, ())
    day = pc.field("business_date")
    without_past = pa.array([symbol for symbol, (_, has_past) in known.items() if not has_past], pa.string())
    wanted = (day <= pa.scalar(last)) & ((day >= pa.scalar(first)) | pc.field("symbol").isin(without_past))
    wanted &= pc.field("symbol").isin(pa.array(list(known), pa.string()))
    bars, symbols, other = 0, set[str](), set[str]()
    for batch in silver.scanner(columns=list(COLUMNS), filter=wanted, batch_size=ROWS_AT_ONCE).to_batches():
        fitting = list(_fitting(batch.to_pylist(), known, other))
        symbols.update(bar.symbol for bar in fitting)
        bars += put_bars(connection, fitting, clock=clock)
    return Published(bars, len(symbols), tuple(sorted(other)))


def bar_of(row: Mapping[str, Any]) -> Bar:
    """A row of silver as a bar; a day starts at midnight UTC of its trading date."""
    return Bar(
        symbol=row["symbol"],
        interval="1d",
        starts_at=datetime.combine(row["business_date"], time(), UTC),
        open=row["open"],
        high=row["high"],
        low=row["low"],
        close=row["close"],
        volume=None if row["volume"] is None else Decimal(row["volume"]),
        provider=row["provider"],
    )


def _fitting(
    rows: Sequence[Mapping[str, Any]], known: Mapping[str, tuple[str, bool]], other: set[str]
) -> Iterator[Bar]:
    for row in rows:
        if row["currency"] == known[row["symbol"]][0]:
            yield bar_of(row)
        else:
            other.add(row["symbol"])
