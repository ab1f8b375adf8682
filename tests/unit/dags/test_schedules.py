"""Partition keys: what a schedule writes, every consumer's mapper must turn into the same key."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.sdk.bases.timetable import BaseTimetable
from airflow.serialization.decoders import decode_timetable  # the scheduler's own form of a timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction
from hypothesis import given, strategies as st

from dags.kit.assets import asset, awaited, awaited_tables
from dags.kit.schedules import BusinessDateError, after_us_close, business_date, nightly, when_published
from lakehouse.contracts.model import ContractError

RETURNS = asset("gold.returns_daily_v1")
PRODUCERS = {"after_us_close": after_us_close(), "nightly": nightly()}


def scheduled(timetable: BaseTimetable) -> Any:
    """The timetable as the scheduler has it."""
    return decode_timetable(encode_timetable(timetable))


@pytest.mark.parametrize("name", PRODUCERS)
def test_a_schedules_key_reaches_the_job_unchanged_through_the_consumers_mapper(name: str) -> None:
    producer = scheduled(PRODUCERS[name])
    consumer = scheduled(when_published(("positions_daily", "var_batch")))
    mapper = consumer.get_partition_mapper(name=RETURNS.name, uri=RETURNS.uri)
    start = datetime(2022, 12, 1, tzinfo=UTC)
    infos = list(producer.iter_partition_dagrun_infos(earliest=start, latest=datetime(2023, 1, 31, tzinfo=UTC)))
    assert len(infos) >= 40
    for info in infos:
        key = mapper.to_downstream(info.partition_key)
        assert key == info.partition_key
        assert business_date(key).isoformat() == key


@pytest.mark.parametrize("name", PRODUCERS)
def test_a_key_by_hand_is_read_by_the_schedule_as_the_same_day(name: str) -> None:
    resolved = scheduled(PRODUCERS[name]).resolve_partition_date("2022-12-28")
    assert resolved.strftime("%Y-%m-%d") == "2022-12-28"


def test_market_runs_after_the_close_of_its_own_day() -> None:
    restriction = TimeRestriction(earliest=None, latest=None, catchup=True)
    info = scheduled(after_us_close()).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert info.run_after.in_timezone("America/New_York").strftime("%Y-%m-%d %H:%M") == f"{info.partition_key} 18:00"
    assert info.run_after.in_timezone("America/New_York").isoweekday() <= 5


@pytest.mark.parametrize("name", PRODUCERS)
@pytest.mark.parametrize("minute", [1, 31])
def test_a_stack_installed_right_after_a_tick_does_not_run_for_it(
    name: str, minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 20, 23 if name == "after_us_close" else 3, minute, tzinfo=UTC)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)  # Airflow takes no clock
    restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
    info = scheduled(PRODUCERS[name]).next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert info.run_after > now


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)))
def test_a_business_date_round_trips(day: date) -> None:
    assert business_date(day.isoformat()) == day


@pytest.mark.parametrize("text", ["20221228", "2022-12-28T00:00:00", "2022-1-1", "28.12.2022", "", "2022-02-30"])
def test_another_form_is_no_business_date(text: str) -> None:
    with pytest.raises(BusinessDateError, match="is no business date: write it as"):
        business_date(text)


def test_jobs_await_what_other_jobs_write() -> None:
    assert awaited_tables(("positions_daily", "var_batch")) == (
        "gold.returns_daily_v1",
        "silver.daily_bars_v1",
    )
    assert awaited_tables(("var_batch",)) == (
        "gold.returns_daily_v1",
        "silver.daily_bars_v1",
        "silver.fx_rates_v1",
        "silver.positions_v1",
    )


def test_jobs_that_read_only_what_lands_need_a_clock() -> None:
    with pytest.raises(ContractError, match="silver_ticks read nothing that another job writes"):
        awaited(("silver_ticks",))
