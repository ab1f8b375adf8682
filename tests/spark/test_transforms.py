"""Each transform on a frame of a few rows."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY, MARKET_TICKS
from lakehouse.contracts.tables.gold import BARS_1M, RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS, POSITIONS, REJECTED_ROWS, TICKS
from lakehouse.settings import Settings
from lakehouse.stores import spark as store
from spark_jobs.bars_1m import transforms as bars_1m
from spark_jobs.kit.lake import require_schema
from spark_jobs.positions_daily import transforms as positions_daily
from spark_jobs.returns_daily import transforms as returns_daily
from spark_jobs.silver_daily_bars import transforms as silver_bars
from spark_jobs.silver_ticks import transforms as silver_ticks
from tests.factories.lake import bar, bronze_rows, tick

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

TUESDAY, WEDNESDAY, SUNDAY = date(2022, 12, 27), date(2022, 12, 28), date(2022, 12, 25)
NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "interpreted"])
def spark(stack: Settings, request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """Sessions that read the same of the same rows: other tests, of few rows, do not compile their queries."""
    session = store.connect(stack.spark.model_copy(update={"codegen": request.param}))
    yield session
    session.stop()


def rows_of(frame: DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return found


class TestSilverDailyBars:
    def judged(self, spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
        days = pa.table({"_session": pa.array(np.array([TUESDAY, WEDNESDAY], dtype="datetime64[D]"))})
        bronze = spark.createDataFrame(bronze_rows(MARKET_BARS_DAILY, rows))
        return silver_bars.judged(bronze, spark.createDataFrame(days))

    def test_of_one_key_the_row_landed_last_is_kept_and_copies_are_counted(self, spark: SparkSession) -> None:
        rows = self.judged(spark, [bar("A", TUESDAY, "1"), bar("A", TUESDAY, "2"), bar("B", TUESDAY, "3")])
        found = {
            row["symbol"]: (row["close"], row["_offset"], row["_copies"]) for row in rows_of(silver_bars.kept(rows))
        }
        assert found == {"A": (Decimal(2), 1, 2), "B": (Decimal(3), 2, 1)}

    def test_rejected_rows_say_why_in_the_contract_s_columns(self, spark: SparkSession) -> None:
        inverted = bar("C", TUESDAY, "5", high=Decimal(4), low=Decimal(6))
        rows = self.judged(spark, [bar("A", SUNDAY, "1"), bar("B", TUESDAY, "-1"), inverted, bar("D", TUESDAY, "1")])
        frame = silver_bars.rejected(rows, "silver_daily_bars")
        require_schema(REJECTED_ROWS, frame.schema)
        assert {(row["_offset"], row["reason"], row["detail"]) for row in rows_of(frame)} == {
            (0, "not_a_trading_day", "2022-12-25 is no trading day"),
            (1, "non_positive_price", "close is -1.00000000"),
            (2, "high_below_low", "4.00000000 is below low 6.00000000"),
        }

    def test_the_kept_frame_is_the_contract_s(self, spark: SparkSession) -> None:
        frame = silver_bars.kept(self.judged(spark, [bar("A", TUESDAY, "1")]))
        require_schema(DAILY_BARS, frame.schema)
        assert frame.columns[:-1] == list(DAILY_BARS.column_names)


class TestSilverTicks:
    def test_one_row_a_key_and_the_event_date_is_utc(self, spark: SparkSession) -> None:
        late = datetime(2022, 12, 27, 23, 59, 59, 999_999, tzinfo=UTC)
        rows = [tick("A", NOON, 1, 10.0), tick("A", NOON, 1, 11.0), tick("A", late, 2), tick("A", NOON, 3, kind="?")]
        judged = silver_ticks.judged(spark.createDataFrame(bronze_rows(MARKET_TICKS, rows)))
        kept = silver_ticks.kept(judged)
        require_schema(TICKS, kept.schema)
        assert {(row["sequence"], row["event_date"], row["price"], row["_copies"]) for row in rows_of(kept)} == {
            (1, WEDNESDAY, 11.0, 2),
            (2, TUESDAY, 100.0, 1),
        }
        rejected = rows_of(silver_ticks.rejected(judged, "silver_ticks"))
        assert [(row["_offset"], row["reason"]) for row in rejected] == [(3, "unknown_kind")]


class TestBars1m:
    def ticks(self, spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
        return silver_ticks.kept(silver_ticks.judged(spark.createDataFrame(bronze_rows(MARKET_TICKS, rows))))

    def test_open_and_close_follow_event_time_then_sequence(self, spark: SparkSession) -> None:
        second = timedelta(seconds=1)
        rows = [
            tick("A", NOON + second, 2, 12.0, size=2.0),
            tick("A", NOON, 1, 10.0, size=1.0),
            tick("A", NOON + second, 3, 9.0, size=None),
            tick("A", NOON + second, 4, None, kind="quote", bid_price=1.0),
            tick("A", NOON + 60 * second, 5, 20.0, size=None),
        ]
        frame = bars_1m.bars(self.ticks(spark, rows))
        require_schema(BARS_1M, frame.schema)
        first, last = sorted(rows_of(frame), key=lambda row: row["bar_start"])
        assert [first[name] for name in ("open", "high", "low", "close", "volume", "trade_count")] == [
            10.0,
            12.0,
            9.0,
            9.0,
            3.0,
            3,
        ]
        assert first["vwap"] == pytest.approx(34.0 / 3.0)
        assert (last["vwap"], last["volume"], last["trade_count"]) == (None, 0.0, 1)

    def test_the_bits_do_not_depend_on_the_partitions(self, spark: SparkSession) -> None:
        random = np.random.default_rng(7)
        prices, sizes = random.uniform(0.1, 1e6, 500), random.uniform(0.1, 1e6, 500)
        rows = [
            tick("A", NOON + timedelta(microseconds=int(n) * 7), n, float(prices[n]), size=float(sizes[n]))
            for n in random.permutation(500).tolist()
        ]
        ticks = self.ticks(spark, rows)
        one, seven = (rows_of(bars_1m.bars(ticks.repartition(count))) for count in (1, 7))
        assert one == seven


class TestReturnsDaily:
    def frame(self, spark: SparkSession, rows: list[tuple[str, date, str, str]]) -> DataFrame:
        names = ("symbol", "business_date", "currency", "close")
        listed = [
            {**dict(zip(names, row, strict=True)), "business_year": row[1].year, "close": Decimal(row[3])}
            for row in rows
        ]
        schema = "symbol string, business_date date, currency string, close decimal(18,8), business_year int"
        return returns_daily.returns(spark.createDataFrame(listed, schema=schema))

    def test_the_first_bar_has_no_return_and_others_span_to_the_bar_before(self, spark: SparkSession) -> None:
        new_year = date(2023, 1, 3)
        frame = self.frame(
            spark, [("A", TUESDAY, "USD", "100"), ("A", new_year, "USD", "110"), ("B", TUESDAY, "USD", "1")]
        )
        require_schema(RETURNS_DAILY, frame.schema)
        (row,) = rows_of(frame)
        assert (row["business_year"], row["previous_date"], row["close"]) == (2023, TUESDAY, Decimal(110))
        assert row["simple_return"] == pytest.approx(0.1, abs=1e-15)
        assert row["log_return"] == pytest.approx(np.log(1.1), abs=1e-15)

    def test_a_change_of_currency_begins_a_new_series(self, spark: SparkSession) -> None:
        assert rows_of(self.frame(spark, [("A", TUESDAY, "USD", "100"), ("A", WEDNESDAY, "EUR", "90")])) == []


def test_positions_are_dated_and_typed(spark: SparkSession) -> None:
    held = spark.createDataFrame(
        [("p1", "Income", "USD", "A", Decimal("1.5"))],
        "portfolio_id string, portfolio_name string, base_currency string, symbol string, quantity decimal(38,10)",
    )
    frame = positions_daily.as_of(held, WEDNESDAY)
    require_schema(POSITIONS, frame.schema)
    (row,) = rows_of(frame)
    assert (row["business_date"], row["quantity"]) == (WEDNESDAY, Decimal("1.5"))
