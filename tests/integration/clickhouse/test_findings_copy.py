"""Findings from PostgreSQL to ClickHouse: each once, however often it is copied."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.contracts.quality import Grade
from lakehouse.migrations import clickhouse
from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import Settings
from lakehouse.stores import clickhouse as store, postgres
from spark_jobs.kit.findings import Finding, Found, keep
from spark_jobs.publish_marts.findings import copy_findings
from tests.factories.clickhouse_process import clickhouse_process
from tests.factories.postgres_server import postgres_server

pytestmark = pytest.mark.integration

AT = datetime(2022, 12, 28, 22, tzinfo=UTC)
TABLE = "silver.daily_bars_v1"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A migrated PostgreSQL and ClickHouse."""
    with clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as server, postgres_server() as section:
        made = Settings(home=tmp_path_factory.mktemp("home"), postgres=section, clickhouse=server.section)
        upgrade(made)
        clickhouse.upgrade(made)
        yield made


def test_what_is_new_is_copied_once(settings: Settings) -> None:
    warning = Finding(TABLE, "bad_print", "defect", Grade.WARN, 1, "close 1", "LNT", AT.date())
    with postgres.connect(settings.postgres) as connection, store.connect(settings.clickhouse) as client:
        assert copy_findings(client, connection) == 0
        keep(connection, Found("r1", "quality_daily", AT.date(), AT), [warning])
        assert [copy_findings(client, connection) for _ in range(2)] == [1, 1]
        late = Found("r2", "returns_daily", AT.date(), AT - timedelta(hours=3))
        keep(connection, late, [Finding("gold.returns_daily_v1", "x", "Jump", Grade.WARN, 2, "2 rows")])
        assert copy_findings(client, connection) == 2
        rows = client.query("SELECT subject, as_of, grade, row_count FROM data_quality ORDER BY found_at").result_rows
    assert rows == [("", AT.date(), "warn", 2), ("LNT", AT.date(), "warn", 1)]
