"""The nightly jobs of the books on a real PostgreSQL and a real lake: closes, then values, the same when run twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pydantic import SecretStr

from lakehouse.cli import closes_job, valuations_job
from lakehouse.clock import SystemClock
from lakehouse.contracts.job_process import JobExit, parse_result
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables import table
from lakehouse.settings import Settings
from lakehouse.stores import delta, objects, postgres
from tests.factories.books import at, buy, deposit, holder, put
from tests.factories.minio_server import minio_server

pytestmark = pytest.mark.integration

SILVER = table("silver.daily_bars_v1")
DAY = date(2024, 3, 1)
Run = Callable[[ModuleType, date], tuple[int, dict[str, int]]]


@pytest.fixture(scope="module")
def storage(server: Settings) -> Iterator[Settings]:
    """Settings of an object store of the module's own."""
    keys = {"access_key": "of-a-test", "secret_key": SecretStr(uuid4().hex)}
    with minio_server(server.s3.model_copy(update=keys)) as running:
        yield server.model_copy(update={"s3": running.settings})


@pytest.fixture
def lake(books: Settings, storage: Settings) -> Settings:
    """A database and a bucket of the test's own."""
    section = storage.s3.model_copy(update={"lake_bucket": f"nightly-{uuid4()}"})
    objects.ensure_bucket(objects.connect(section), section.lake_bucket)
    return books.model_copy(update={"s3": section})


@pytest.fixture
def run(lake: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a job for a day; its exit status and the rows that it says it wrote."""

    def running(job: ModuleType, day: date) -> tuple[int, dict[str, int]]:
        monkeypatch.setattr(job, "load", lambda: lake)
        status: int = job.main(("--business-date", day.isoformat(), "--run-id", "r"))
        out = capsys.readouterr().out
        return status, {name: each.row_count for name, each in parse_result(out).outputs.items()}

    return running


def silver(lake: Settings, closes: dict[date, str], *, symbol: str = "AAPL", currency: str = "USD") -> None:
    """Daily bars of a symbol, as Spark would have written them."""
    rows: list[dict[str, Any]] = [
        {
            **dict.fromkeys(arrow.schema(SILVER).names),
            "symbol": symbol,
            "business_date": day,
            "kind": "close",
            "provider": "test",
            "currency": currency,
            "close": Decimal(close).quantize(Decimal("0.00000001")),
            "business_year": day.year,
        }
        for day, close in closes.items()
    ]
    written = pa.Table.from_pylist(rows, schema=pa.schema([each.with_nullable(True) for each in arrow.schema(SILVER)]))
    uri, options = delta.uri(lake.s3, SILVER), delta.options(lake.s3)
    write_deltalake(uri, written, mode="append", partition_by=["business_year"], storage_options=options)


def bars(lake: Settings) -> dict[tuple[str, date], str]:
    """The daily closes that PostgreSQL has."""
    with postgres.connect(lake.postgres) as connection:
        found = connection.execute("SELECT symbol, starts_at, close FROM market.bar WHERE interval = '1d'")
        return {(str(symbol), starts_at.astimezone(UTC).date()): f"{close:.2f}" for symbol, starts_at, close in found}


class TestCloses:
    def test_without_silver_there_is_nothing_to_publish(self, run: Run) -> None:
        assert run(closes_job, DAY) == (JobExit.PUBLISHED, {"market.bar": 0})

    def test_the_past_of_a_new_instrument_comes_once_and_later_its_last_days(self, lake: Settings, run: Run) -> None:
        holder(lake)
        old, new = date(2020, 1, 2), DAY - timedelta(days=1)
        silver(lake, {old: "10", new: "12", DAY + timedelta(days=1): "13"})
        silver(lake, {new: "99"}, symbol="UNKNOWN")
        assert run(closes_job, DAY) == (JobExit.PUBLISHED, {"market.bar": 2})
        assert run(closes_job, DAY) == (JobExit.PUBLISHED, {"market.bar": 0})
        assert bars(lake) == {("AAPL", old): "10.00", ("AAPL", new): "12.00"}
        later = run(closes_job, DAY + timedelta(days=1))
        assert later == (JobExit.PUBLISHED, {"market.bar": 1})

    def test_a_price_in_another_currency_is_no_price(self, lake: Settings, run: Run) -> None:
        holder(lake)
        silver(lake, {DAY: "10"}, currency="EUR")
        assert run(closes_job, DAY) == (JobExit.PUBLISHED, {"market.bar": 0})


class TestValuations:
    def test_every_portfolio_is_valued_at_the_closes_of_a_week(self, lake: Settings, run: Run) -> None:
        first, second = holder(lake), holder(lake)
        day = at(10).date()
        for made in (first, second):
            put(made, [deposit(0, 100_000), buy(1, "10", "50")])
        silver(lake, {day: "60", at(5).date(): "55"})
        run(closes_job, day)
        assert run(valuations_job, day) == (JobExit.PUBLISHED, {"app.valuation": 14})
        kept = values(lake)
        assert run(valuations_job, day) == (JobExit.PUBLISHED, {"app.valuation": 14})
        assert values(lake) == kept
        assert kept[first.portfolio_id.hex, day] == 50_000 + 60_000
        assert kept[second.portfolio_id.hex, day - timedelta(days=1)] == 50_000 + 55_000

    def test_days_that_nobody_valued_are_made_up_for(self, lake: Settings, run: Run) -> None:
        made = holder(lake)
        put(made, [deposit(0, 100_000)])
        run(valuations_job, at(8).date())
        run(valuations_job, at(40).date())
        days = sorted(day for _, day in values(lake))
        assert days == [at(offset).date() for offset in range(2, 41)]

    def test_a_day_that_is_not_over_has_no_close(self, lake: Settings, run: Run) -> None:
        put(holder(lake), [deposit(0, 100_000)])
        today = SystemClock().now().date()
        run(valuations_job, today)
        assert max(day for _, day in values(lake)) < today


def values(lake: Settings) -> dict[tuple[str, date], int | None]:
    """Kept values in minor units, by portfolio and day."""
    with postgres.connect(lake.postgres) as connection:
        found = connection.execute("SELECT portfolio_id, business_date, value_minor FROM app.valuation")
        return {(portfolio_id.hex, day): minor for portfolio_id, day, minor in found}
