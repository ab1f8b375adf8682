"""The contracts as a whole contradict neither themselves nor each other."""

import re

import pytest

from lakehouse.contracts.jobs import JOBS, job
from lakehouse.contracts.model import Column, ContractError, Engine, Job, Store, Table, Type
from lakehouse.contracts.reasons import Reason
from lakehouse.contracts.tables import TABLES, table, tables_in
from lakehouse.contracts.topics import topic

LAYERS = {
    "bronze",
    "silver",
    "gold",
    "alerting",
    "broker",
    "app",
    "auth",
    "audit",
    "chain",
    "hot",
    "ledger",
    "market",
    "ops",
    "trading",
}
SQL_WORDS = {"and", "or", "not", "in", "is", "null", "between", "like", "true", "false", "length", "trim"}
MONEY = re.compile(r"_(base|usd)$")

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
every_job = pytest.mark.parametrize("job", JOBS.values(), ids=lambda job: job.name)


@every_table
class TestTable:
    def test_its_name_says_layer_and_version(self, table: Table) -> None:
        assert table.layer in LAYERS
        versioned = re.fullmatch(r"[a-z][a-z0-9_]*_v[1-9][0-9]*", table.short_name)
        assert versioned or table.stores == (Store.POSTGRES,), "only PostgreSQL is changed in place, by migrations"

    def test_table_and_columns_are_described_in_a_sentence(self, table: Table) -> None:
        assert table.doc.endswith(".")
        assert table.grain
        assert table.owner
        assert [column.name for column in table.columns if not column.doc.strip()] == []

    def test_column_names_are_snake_case(self, table: Table) -> None:
        assert [name for name in table.column_names if not re.fullmatch(r"_?[a-z][a-z0-9_]*", name)] == []

    def test_checks_speak_of_its_own_columns(self, table: Table) -> None:
        for check in table.checks:
            words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r"'[^']*'", "", check)))
            unknown = {word for word in words if word.lower() not in SQL_WORDS} - set(table.column_names)
            assert unknown == set(), check

    def test_money_is_decimal_with_cents(self, table: Table) -> None:
        for column in table.columns:
            if MONEY.search(column.name):
                assert (column.type, column.scale) == (Type.DECIMAL, 2), column.name
                assert column.unit, column.name

    def test_ids_are_uuids_and_times_are_timestamps(self, table: Table) -> None:
        for column in table.columns:
            if column.name in {"id", "portfolio_id"}:
                assert column.type is Type.UUID
            if column.name.endswith("_at"):
                assert column.type is Type.TIMESTAMP
            if column.name.endswith("_date") and not column.name.startswith("is_"):
                assert column.type is Type.DATE


@every_job
class TestJob:
    def test_it_reads_and_writes_tables_that_exist(self, job: Job) -> None:
        for name in (*job.inputs, *job.outputs):
            assert table(name).name == name

    def test_it_runs_in_a_room_for_it(self, job: Job) -> None:
        assert job.module.startswith(("spark_jobs.", "streaming.", "lakehouse.cli.", "ml."))

    def test_it_writes_only_with_the_tables_own_engine(self, job: Job) -> None:
        engine = Engine.SPARK if job.module.startswith("spark_jobs.") else Engine.DELTA_RS
        assert {table(name).writer for name in job.outputs} <= {engine, None}

    def test_it_can_fail_and_is_told_to_stop(self, job: Job) -> None:
        assert job.retries >= 1
        assert job.retry_delay_s > 0
        assert 0 < job.timeout_s <= 6 * 3600
        assert job.doc.endswith(".")


def test_every_spark_table_is_written_by_a_job() -> None:
    written = {name for found in JOBS.values() for name in found.outputs}
    owned = {found.name for found in TABLES.values() if found.writer is Engine.SPARK}
    assert owned <= written


def test_every_mart_of_gold_is_published() -> None:
    marts = {found.name for found in tables_in(Store.CLICKHOUSE) if found.layer == "gold"}
    assert marts == set(job("publish_marts").inputs)


def test_short_names_do_not_collide_within_a_store() -> None:
    for store in (Store.DELTA, Store.CLICKHOUSE):  # PostgreSQL names a table with its schema
        names = [found.short_name for found in tables_in(store)]
        assert len(set(names)) == len(names), store


def test_bronze_belongs_to_delta_rs_and_the_rest_of_the_lake_to_spark() -> None:
    for found in tables_in(Store.DELTA):
        assert (found.writer is Engine.DELTA_RS) == (found.layer == "bronze"), found.name


def test_a_job_never_reads_what_a_later_one_of_its_chain_writes() -> None:
    """Inputs and outputs form no cycle: following writers from any table comes to an end."""
    writers: dict[str, set[str]] = {}
    for found in JOBS.values():
        for output in found.outputs:
            writers.setdefault(output, set()).update(found.inputs)
    for start in writers:
        seen, ahead = set[str](), set(writers[start])
        while ahead:
            seen |= ahead
            ahead = {name for below in ahead for name in writers.get(below, set())} - seen
        assert start not in seen


def test_reasons_are_snake_case_and_equal_their_names() -> None:
    assert all(reason.value == reason.name.lower() for reason in Reason)


def test_unknown_names_list_what_exists() -> None:
    with pytest.raises(ContractError, match=r"gold\.portfolio_risk_v1"):
        table("gold.nothing")
    with pytest.raises(ContractError, match="var_batch"):
        job("nothing")
    with pytest.raises(ContractError, match=r"market\.ticks"):
        topic("nothing")
    with pytest.raises(ContractError, match="method"):
        table("gold.portfolio_risk_v1").column("nothing")


def test_contracts_that_contradict_themselves_cannot_be_made() -> None:
    text = Column("a", Type.STRING, "text")
    with pytest.raises(ContractError, match="precision"):
        Column("a", Type.DECIMAL, "number")
    with pytest.raises(ContractError, match="precision"):
        Column("a", Type.STRING, "text", precision=3)
    with pytest.raises(ContractError, match="unknown"):
        Table("gold.x_v1", "X.", "a", "me", (text,), key=("b",), writer=Engine.SPARK)
    with pytest.raises(ContractError, match="twice"):
        Table("gold.x_v1", "X.", "a", "me", (text, text), key=("a",), writer=Engine.SPARK)
    with pytest.raises(ContractError, match="writer"):
        Table("gold.x_v1", "X.", "a", "me", (text,), key=("a",))
