"""Returns over corporate actions: a split is no loss, a dividend is earned, and taking an action back takes it back."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from pyspark.sql import SparkSession

from lakehouse.clock import SystemClock
from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.domain.ids import uuid7
from lakehouse.quality.actions import Action, ActionKind, adjust
from lakehouse.settings import Settings
from lakehouse.stores import delta, postgres
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch
from spark_jobs.returns_daily import actions, transforms
from spark_jobs.returns_daily.job import ACTIONS, JOB as RETURNS
from spark_jobs.silver_daily_bars.job import JOB as SILVER
from tests.factories.lake import bar, land

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAYS = [date(2022, 12, day) for day in (23, 27, 28)]
CLOCK = SystemClock()
INSTRUMENT = "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES ('A', 'A', 'USD', 'XNAS')"


def test_a_close_before_counts_as_what_a_holder_has_of_it_after(spark: SparkSession) -> None:
    closes = [Decimal(100), Decimal("49.5"), Decimal("50.49")]
    split = Action(symbol="A", kind=ActionKind.SPLIT, ex_date=date(2022, 12, 26), ratio=Decimal(2))
    paid = Action(symbol="A", kind=ActionKind.DIVIDEND, ex_date=DAYS[1], amount=Decimal(1), currency="USD")
    rows = [(symbol, day, "USD", close, 2022) for symbol in ("A", "B") for day, close in zip(DAYS, closes, strict=True)]
    schema = "symbol string, business_date date, currency string, close decimal(18,8), business_year int"
    frame = transforms.returns(spark.createDataFrame(rows, schema), [actions.told(split), actions.told(paid)])
    found = {(row["symbol"], row["business_date"]): row["simple_return"] for row in frame.toArrow().to_pylist()}
    adjusted = adjust(DAYS, [Fraction(close) for close in closes], [split, paid])
    expected = [float(after / before - 1) for before, after in pairwise(adjusted)]
    assert [found["A", day] for day in DAYS[1:]] == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx([0.0, 0.02])
    assert found["B", DAYS[1]] == pytest.approx(-0.505)


def run(job: Batch, settings: Settings) -> Manifest:
    return publish(job, Request(DAYS[-1]), settings, clock=CLOCK)


def first_return(settings: Settings) -> float:
    rows = delta.open_table(settings.s3, RETURNS_DAILY).to_pyarrow_table().to_pylist()
    return float(min(rows, key=lambda row: row["business_date"])["simple_return"])


def test_years_with_actions_that_came_or_went_are_computed_again(lake: Settings) -> None:
    land(lake, MARKET_BARS_DAILY, [bar("A", day, close) for day, close in zip(DAYS, ("100", "50", "51"), strict=True)])
    run(SILVER, lake)
    before = run(RETURNS, lake)
    assert first_return(lake) == pytest.approx(-0.5)
    with postgres.connect(lake.postgres) as connection:
        connection.execute(INSTRUMENT)

        connection.execute(
            "INSERT INTO app.corporate_action (id, symbol, kind, ex_date, ratio, source, applied_at) "
            "VALUES (%s, 'A', 'split', %s, 2, 'test', %s)",
            (uuid7(CLOCK), DAYS[1], CLOCK.now()),
        )
    adjusted = run(RETURNS, lake)
    assert adjusted.parameters[ACTIONS] == [{"symbol": "A", "ex_date": "2022-12-27", "scale": "0.5", "cash": "0"}]
    assert first_return(lake) == pytest.approx(0.0)
    with postgres.connect(lake.postgres) as connection:
        connection.execute("UPDATE app.corporate_action SET reversed_at = applied_at")
    reversed_ = run(RETURNS, lake)
    with postgres.connect(lake.postgres) as connection:
        connection.execute("DELETE FROM app.corporate_action")
    assert reversed_.outputs[RETURNS_DAILY.name].content_hash == before.outputs[RETURNS_DAILY.name].content_hash


def test_the_years_that_differ_are_those_of_what_came_or_went_and_the_next() -> None:
    one = {"symbol": "A", "ex_date": "2021-12-30", "scale": "0.5", "cash": "0"}
    other = {**one, "scale": "0.25"}
    assert actions.touched_years([one], [one]) == set()
    assert actions.touched_years([one], []) == {2021, 2022}
    assert actions.touched_years([], [one, other]) == {2021, 2022}
