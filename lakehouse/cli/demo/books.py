"""The demo's portfolios in the hands of its user, at the prices that the lake has."""

from datetime import UTC, date, datetime
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.clock import Clock
from lakehouse.contracts.tables import table
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.domain.quote import Bar
from lakehouse.migrations.postgres.demo import INSTRUMENTS, PORTFOLIOS
from lakehouse.settings import Settings
from lakehouse.stores import delta, postgres
from lakehouse.stores.quotes import load_daily_bars

FIRST_DAY = date(2019, 1, 1)
CURRENCY = "USD"


def hand_over(settings: Settings, owner_id: UUID) -> None:
    """Make the user the owner of the demo's portfolios and accounts. Idempotent; leaves what a person owns."""
    names = {"owner": owner_id, "system": SYSTEM_USER, "ids": [portfolio.id for portfolio in PORTFOLIOS]}
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "UPDATE app.account AS a SET owner_id = %(owner)s FROM app.portfolio AS p "
            "WHERE p.account_id = a.id AND p.id = ANY(%(ids)s) AND a.owner_id = %(system)s",
            names,
        )
        connection.execute(
            "UPDATE app.portfolio SET owner_id = %(owner)s WHERE id = ANY(%(ids)s) AND owner_id = %(system)s", names
        )


def publish_closes(settings: Settings, clock: Clock) -> int:
    """Daily closes of silver since 2019 as bars of the API, the newest as quotes. Returns the bars that are new."""
    names = pa.array([instrument.symbol for instrument in INSTRUMENTS])
    silver = delta.open_table(settings.s3, table("silver.daily_bars_v1"))
    rows = silver.to_pyarrow_table(
        columns=["symbol", "business_date", "close", "provider"],
        filters=(pc.field("business_date") >= pa.scalar(FIRST_DAY)) & pc.field("symbol").isin(names),
    ).to_pylist()
    bars = [
        Bar(
            symbol=row["symbol"],
            interval="1d",
            starts_at=datetime(
                row["business_date"].year, row["business_date"].month, row["business_date"].day, tzinfo=UTC
            ),
            close=row["close"],
            provider=row["provider"],
        )
        for row in rows
    ]
    with postgres.connect(settings.postgres) as connection:
        return load_daily_bars(connection, bars, currency=CURRENCY, clock=clock)
