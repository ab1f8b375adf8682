"""The real API in front of a real PostgreSQL with the demo's portfolios and a real ClickHouse with published risk."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from lakehouse.contracts.tables import table
from lakehouse.migrations import clickhouse as clickhouse_migrations
from lakehouse.migrations.postgres.demo import PORTFOLIOS, seed_demo
from lakehouse.risk.methods import BATCH_METHODS, Method
from lakehouse.settings import Settings
from lakehouse.stores import redis as redis_store
from tests.factories import databases, funds
from tests.factories.api_process import ApiProcess, api_process
from tests.factories.api_users import ApiUser, api_user
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process
from tests.factories.payers import Payer
from tests.factories.postgres_server import postgres_server
from tests.factories.redis_server import redis_server

QUERY_TIMEOUT_S = 15.0  # some tests wait for its end; a busy machine must not reach it in the others
LONG_S = 900  # longer than these tests take
GRACE_S = 50  # the longest that the test of it, which ages a token by a minute, can do with
DAYS = (date(1999, 12, 31), date(2022, 12, 27), date(2022, 12, 28))
CONFIDENCES = (Decimal("0.95"), Decimal("0.99"))
# Ids whose order as text differs from ClickHouse's own order of UUIDs; PostgreSQL does not know them.
STRANGERS = (UUID("0f000000-0000-7000-8000-00000000000f"), UUID("f0000000-0000-7000-8000-000000000000"))
RISK = table("gold.portfolio_risk_v1")
# Modules whose tests look only at what users of their own have: one API is enough for all of them.
TOGETHER = frozenset(
    {
        "test_alert_rules",
        "test_allocations",
        "test_audited_resources",
        "test_books_api",
        "test_confirmations",
        "test_conversions_api",
        "test_corporate_actions_api",
        "test_crud_watchlists",
        "test_customers",
        "test_data_quality",
        "test_draft_instruments",
        "test_generated_client",
        "test_housekeeping",
        "test_imports",
        "test_orders_api",
        "test_owned_resources",
        "test_payment_lists",
        "test_payments",
        "test_proposals",
        "test_reports",
        "test_settlements",
        "test_slow_clients",
        "test_valuation_of_terms",
    }
)

RiskRow = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """The API, asked as an admin unless a test says otherwise, and what stands behind it."""

    api: ApiProcess
    clickhouse: ClickHouseProcess
    settings: Settings
    rows: tuple[RiskRow, ...]
    admin: ApiUser


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


@dataclass(frozen=True, slots=True)
class Engines:
    """What the modules of this folder share: servers, and a database that each copies."""

    settings: Settings
    clickhouse: ClickHouseProcess
    rows: tuple[RiskRow, ...]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """PostgreSQL with a migrated template, Redis, and ClickHouse with published risk, started once for the folder."""
    holders = (PORTFOLIOS[0].id, PORTFOLIOS[1].id, *STRANGERS)
    rows = tuple(
        risk_row(day, holder, method, confidence)
        for day in DAYS
        for holder in holders
        for method in BATCH_METHODS
        for confidence in CONFIDENCES
    )
    with (
        postgres_server() as postgres,
        redis_server() as redis,
        clickhouse_process(tmp_path_factory.mktemp("serving")) as running,
    ):
        auth = running.settings.auth.model_copy(
            update={"access_ttl_s": LONG_S, "attempts_per_minute": 6000, "refresh_grace_s": GRACE_S}
        )
        settings = running.settings.model_copy(update={"postgres": postgres, "redis": redis, "auth": auth})
        databases.template(settings)
        clickhouse_migrations.upgrade(settings)
        with running.client(database=settings.clickhouse.database) as client:
            client.insert(RISK.short_name, rows, column_names=RISK.column_names)
        yield Engines(settings, running, rows)


@pytest.fixture(scope="session")
def together(engines: Engines) -> Iterator[tuple[ApiProcess, Settings]]:
    """The API of all modules of TOGETHER, with its database."""
    with _api(engines) as shared:
        yield shared


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, engines: Engines) -> Iterator[Served]:
    """An API with a user who is an admin, and an empty Redis for each module; but for those of TOGETHER also with a
    database of its own, so that none finds what another left."""
    redis_store.connect(engines.settings.redis).flushall()
    with ExitStack() as stack:
        is_together = request.path.stem in TOGETHER
        api, settings = request.getfixturevalue("together") if is_together else stack.enter_context(_api(engines))
        admin = api_user(settings, role="admin")
        api.client.headers.update(admin.headers)
        yield Served(api, engines.clickhouse, settings, engines.rows, admin)


@contextmanager
def _api(engines: Engines) -> Iterator[tuple[ApiProcess, Settings]]:
    settings = databases.fresh(engines.settings)
    seed_demo(settings)
    with api_process(settings, query_timeout_s=QUERY_TIMEOUT_S) as api:
        yield api, settings


@pytest.fixture
def alice(served: Served) -> Iterator[httpx.Client]:
    """A client of a new user who owns nothing yet."""
    with api_user(served.settings).client(served.api.url) as client:
        yield client


@pytest.fixture
def bob(served: Served) -> Iterator[httpx.Client]:
    """A client of another new user."""
    with api_user(served.settings).client(served.api.url) as client:
        yield client


@pytest.fixture
def books(engines: Engines) -> Settings:
    """Settings of a migrated database of the test's own, for what a test does without the API of the others."""
    return databases.fresh(engines.settings)


@pytest.fixture
def payer(served: Served) -> Iterator[Payer]:
    """Someone with 1,000.37 USD."""
    user = api_user(served.settings)
    with user.client(served.api.url) as client:
        yield Payer(served.settings, user, client, funds.account(served.settings, user.id, minor=100_037))
