"""The real API in front of a real PostgreSQL with the demo's portfolios and a real ClickHouse with published risk."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.contracts.tables import table
from lakehouse.migrations import clickhouse as clickhouse_migrations
from lakehouse.migrations import postgres as postgres_migrations
from lakehouse.migrations.postgres.demo import PORTFOLIOS, seed_demo
from lakehouse.risk.methods import Method
from lakehouse.settings import Settings
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process
from tests.factories.postgres_server import postgres_server

QUERY_TIMEOUT_S = 2.0
DAYS = (date(1999, 12, 31), date(2022, 12, 27), date(2022, 12, 28))
CONFIDENCES = (Decimal("0.95"), Decimal("0.99"))
# Ids whose order as text differs from ClickHouse's own order of UUIDs; PostgreSQL does not know them.
STRANGERS = (UUID("0f000000-0000-7000-8000-00000000000f"), UUID("f0000000-0000-7000-8000-000000000000"))
RISK = table("gold.portfolio_risk_v1")

RiskRow = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """The API and what stands behind it."""

    api: ApiProcess
    clickhouse: ClickHouseProcess
    settings: Settings
    rows: tuple[RiskRow, ...]


def risk_row(day: date, portfolio: UUID, method: Method, confidence: Decimal) -> RiskRow:
    """A row of the mart; the amounts differ by method and confidence, so that a mix-up shows."""
    var = Decimal(20_000 + 1_000 * list(Method).index(method)) * (1 + confidence)
    money = (Decimal("-1000000.10"), var.quantize(Decimal("0.01")), (var * 2).quantize(Decimal("0.01")))
    return (
        day,
        portfolio,
        "a name",
        "USD",
        method.value,
        confidence,
        1,
        *money,
        "convention",
        1000,
        0,
        3,
        250,
        "run-1",
    )


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Everything, started once for the folder."""
    holders = (PORTFOLIOS[0].id, PORTFOLIOS[1].id, *STRANGERS)
    rows = tuple(
        risk_row(day, holder, method, confidence)
        for day in DAYS
        for holder in holders
        for method in Method
        for confidence in CONFIDENCES
    )
    with postgres_server() as postgres, clickhouse_process(tmp_path_factory.mktemp("serving")) as running:
        settings = running.settings.model_copy(update={"postgres": postgres})
        postgres_migrations.upgrade(settings)
        seed_demo(settings)
        clickhouse_migrations.upgrade(settings)
        with running.client(database=settings.clickhouse.database) as client:
            client.insert(RISK.short_name, rows, column_names=RISK.column_names)
        with api_process(settings, query_timeout_s=QUERY_TIMEOUT_S) as api:
            yield Served(api, running, settings, rows)
