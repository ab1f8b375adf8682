"""Freshness from PostgreSQL alone: what is too old or was never published is said by name."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from lakehouse.cli import freshness
from lakehouse.cli.freshness import Stale, judged, published
from lakehouse.cli.main import app
from lakehouse.clock import SystemClock
from lakehouse.contracts.jobs import JOBS, RETURNS_DAILY
from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.migrations.postgres import upgrade
from lakehouse.settings import Settings
from lakehouse.stores import postgres

pytestmark = pytest.mark.integration

NAME = "gold.returns_daily_v1"
PROMISED = {name for job in JOBS.values() for name in job.outputs} & {table.name for table in tables_in(Store.DELTA)}


@pytest.fixture
def settings(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    upgrade(empty)
    monkeypatch.setattr(freshness, "load", lambda: empty)
    yield empty
    with postgres.connect(empty.postgres) as connection:
        connection.execute("TRUNCATE ops.asset_status")


def publish(settings: Settings, name: str, at: datetime, value: str = "2022") -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO ops.asset_status "
            "(table_name, partition_value, delta_version, row_count, run_id, published_at) "
            "VALUES (%s, %s, 1, 1, 'r', %s)",
            (name, value, at),
        )


def test_the_newest_partition_counts_and_the_limit_is_the_job_s(settings: Settings) -> None:
    now = datetime(2022, 12, 28, 12, tzinfo=UTC)  # a Wednesday
    publish(settings, NAME, now - timedelta(days=9), "2021")
    publish(settings, NAME, now - timedelta(hours=1))
    for late, is_fresh in ((timedelta(), True), (timedelta(hours=RETURNS_DAILY.max_age_h), False)):
        found = {each.table: each for each in judged(published(settings.postgres), now + late, "XNYS")}
        assert found[NAME].is_fresh is is_fresh
        assert set(found) == PROMISED
        assert not found["gold.bars_1m_v1"].is_fresh


def test_the_command_fails_while_something_is_late(settings: Settings) -> None:
    publish(settings, NAME, SystemClock().now())
    late = CliRunner().invoke(app, ["freshness"])
    assert isinstance(late.exception, Stale)
    lines = {line.split()[1]: line for line in late.output.splitlines()}
    assert lines[NAME].startswith("fresh")
    assert "never published" in lines["gold.bars_1m_v1"]
    for name in PROMISED - {NAME}:
        publish(settings, name, SystemClock().now())
    assert CliRunner().invoke(app, ["freshness"]).exit_code == 0
