"""Reports on marts, lake and pipelines: of what the caller may see, and with what is missing told."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from lakehouse.clock import SystemClock
from lakehouse.contracts.tables import table
from lakehouse.contracts.topics import TOPICS
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from serving.analytics.delta import Lake, LakeUnavailable, TableNotWritten
from serving.kit.metrics import Metrics
from serving.kit.rooms import service
from serving.pipeline.room import ROOM as PIPELINE
from serving.pipeline.service import PipelineService
from serving.wiring import services
from tests.factories.lake import bar, land
from tests.factories.landing import Landscape, land_here, landscape, send, tick
from tests.integration.serving.conftest import Served

RISK_REPORT, DELTA_INFO = "/api/v1/analytics/portfolio-risk", "/api/v1/analytics/delta-info"
STATUS = "/api/v1/pipeline/status"
BARS = table("bronze.market_bars_daily_v1")
NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)


@pytest.mark.integration
class TestPortfolioRisk:
    def test_the_newest_of_each_portfolio_and_what_has_none(self, served: Served) -> None:
        report = served.api.client.get(RISK_REPORT, params={"confidence": "0.95"}).json()
        ids = {row["portfolio_id"] for row in report["metrics"]}
        assert ids == {str(PORTFOLIOS[0].id), str(PORTFOLIOS[1].id)}
        assert str(PORTFOLIOS[2].id) in report["without_risk"]
        assert (report["oldest_date"], report["newest_date"]) == ("2022-12-28", "2022-12-28")
        (total,) = report["totals"]
        var = sum(Decimal(row["value_at_risk"]["amount"]) for row in report["metrics"])
        assert Decimal(total["value_at_risk"]["amount"]) == var
        assert total["portfolios"] == 2

    def test_the_past_is_what_was_known_then(self, served: Served) -> None:
        report = served.api.client.get(RISK_REPORT, params={"as_of": "2010-01-01"}).json()
        assert report["newest_date"] == "1999-12-31"

    def test_others_portfolios_are_in_no_report(self, alice: httpx.Client) -> None:
        report = alice.get(RISK_REPORT).json()
        assert (report["metrics"], report["totals"], report["without_risk"]) == ([], [], [])


@pytest.mark.integration
class TestDeltaInfoRoute:
    @pytest.mark.parametrize("path", ["/etc/passwd", "../gold", "s3://bucket/x", "gold/no_such_table", ""])
    def test_only_tables_of_the_contracts_are_looked_at(self, served: Served, path: str) -> None:
        assert served.api.client.get(DELTA_INFO, params={"path": path}).status_code == 422

    def test_a_store_that_is_gone_is_503(self, served: Served) -> None:
        answer = served.api.client.get(DELTA_INFO, params={"path": "gold/returns_daily_v1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert answer.headers["retry-after"]


@pytest.mark.integration
class TestPipelineRoute:
    def test_parts_that_do_not_answer_say_so_and_leave_the_others(self, served: Served) -> None:
        now = SystemClock().now()
        with postgres.connect(served.settings.postgres) as connection:
            for name, age in (("gold.portfolio_risk_v1", timedelta(hours=2)), ("silver.positions_v1", timedelta(9))):
                connection.execute(
                    "INSERT INTO ops.asset_status VALUES (%s, '2022-12-28', 7, 12, 'r', %s) ON CONFLICT DO NOTHING",
                    (name, now - age),
                )
            connection.execute(
                "INSERT INTO ops.job_run (run_id, job, business_date, state, started_at, finished_at, manifest) VALUES "
                "('r1', 'var_batch', '2022-12-27', 'published', %(at)s, %(at)s, '{}'),"
                "('r2', 'var_batch', '2022-12-28', 'running', %(at)s + interval '1 s', NULL, '{}') "
                "ON CONFLICT DO NOTHING",
                {"at": NOON},
            )
        status = served.api.client.get(STATUS).json()
        tables = {each["table"]: each for each in status["assets"]["tables"]}
        (job,) = (each for each in status["runs"]["jobs"] if each["job"] == "var_batch")
        assert (status["is_complete"], status["is_fresh"]) == (False, False)
        assert status["dags"]["unavailable"] == "Airflow does not answer"
        assert status["landing"]["unavailable"] == "Kafka does not answer"
        assert status["outbox"]["unavailable"] is None
        assert tables["gold.portfolio_risk_v1"]["is_fresh"] is True
        assert (tables["gold.portfolio_risk_v1"]["delta_version"], tables["gold.portfolio_risk_v1"]["rows"]) == (7, 12)
        assert tables["silver.positions_v1"]["is_fresh"] is False
        assert tables["gold.bars_1m_v1"] | {"max_age_h": 0} == {
            **dict.fromkeys(("partition", "delta_version", "rows", "published_at", "age_s")),
            "table": "gold.bars_1m_v1",
            "job": "bars_1m",
            "max_age_h": 0,
            "is_fresh": False,
        }
        assert (job["state"], job["run_id"]) == ("running", "r2")
        assert job["last_published_at"].startswith("2022-12-28T12:00:00")


@pytest.mark.integration
@pytest.mark.engines("kafka", "s3")
class TestOnTheStack:
    @pytest.fixture
    def lake(self, stack: Settings) -> Iterator[Landscape]:
        made = landscape(stack, partitions=2)
        yield made
        made.remove()

    def test_a_table_is_described_by_its_log(self, lake: Landscape) -> None:
        days = [NOON.date() + timedelta(days=number) for number in range(3)]
        land(lake.settings, BARS, [bar("AAPL", day, "1.25") for day in days])
        land(lake.settings, BARS, [bar("MSFT", day, "2.50") for day in days], first_offset=3)
        found = asyncio.run(Lake(lake.settings.s3, timeout_s=60.0).describe(BARS, sample=4))
        assert (found.version, found.files, found.rows, found.partitions) == (2, 2, 6, 1)
        assert found.partitioned_by == ["_ingest_date"]
        assert found.bytes > 0
        assert len(found.sample) == 4
        assert found.sample[0]["close"] in ("1.25000000", "2.50000000")
        assert found.columns["business_date"] == "date32[day]"

    def test_a_table_that_was_never_written_and_a_store_that_is_away_are_told_apart(self, lake: Landscape) -> None:
        reader = Lake(lake.settings.s3, timeout_s=60.0)
        nobody = lake.settings.s3.model_copy(update={"endpoint_url": "http://127.0.0.1:1"})
        with pytest.raises(TableNotWritten, match=r"bronze\.market_bars_daily_v1"):
            asyncio.run(reader.describe(BARS, sample=1))
        with pytest.raises(LakeUnavailable):
            asyncio.run(Lake(nobody, timeout_s=3.0).describe(BARS, sample=1))

    def test_lags_are_what_the_lander_has_not_committed(
        self, lake: Landscape, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(TOPICS, lake.topic.name, replace(lake.topic))
        settings = served.settings.model_copy(
            update={
                "kafka": lake.settings.kafka,
                "serving": served.settings.serving.model_copy(update={"probe_timeout_s": 60.0}),
            }
        )
        send(lake, (tick(number) for number in range(10)), partitions=(0, 1))
        land_here(lake)
        send(lake, (tick(number) for number in range(10, 14)), partitions=(1,))
        lag = asyncio.run(_lag_of(settings, lake.topic.name))
        assert lag == (14, 4)


async def _lag_of(settings: Settings, topic: str) -> tuple[int, int | None]:
    async with services(settings, clock=SystemClock(), metrics=Metrics(), rooms=(PIPELINE,)) as made:
        status = await service(made, "pipeline", PipelineService).status()
    (found,) = (each for each in status.landing.topics if each.topic == topic)
    return found.messages, found.lag
