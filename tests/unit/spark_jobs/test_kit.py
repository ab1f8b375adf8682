"""The kit's pure parts: arguments, scopes, manifests, fingerprints, DDL, exit statuses."""

import json
from dataclasses import replace
from datetime import date
from typing import ClassVar

import pytest

from lakehouse.clock import Clock, ManualClock
from lakehouse.contracts.job_process import parse_result
from lakehouse.contracts.jobs import JOBS, PUBLISH_MARTS, SILVER_DAILY_BARS, VAR_BATCH
from lakehouse.contracts.model import ContractError, Engine, Store, Table
from lakehouse.contracts.tables import TABLES, table
from lakehouse.contracts.tables.gold import BARS_1M, PORTFOLIO_RISK, RETURNS_DAILY
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.settings import Settings, SparkSettings
from spark_jobs.kit.action import run_action
from spark_jobs.kit.args import Request, parse
from spark_jobs.kit.audit import row_checks
from spark_jobs.kit.changed import SEEN, changed_partitions
from spark_jobs.kit.errors import DataError, NothingToDo, UnavailableError
from spark_jobs.kit.fingerprint import content_hash, hexadecimal, measures
from spark_jobs.kit.lake import Lake, Newest, ddl, run_of
from spark_jobs.kit.landed import RowsUnaccountedError, reconciled
from spark_jobs.kit.manifest import (
    Manifest,
    OutputRecord,
    PartitionRecord,
    State,
    code_version,
    parse as parse_manifest,
)
from spark_jobs.kit.model import Audit, literal, partitions
from spark_jobs.kit.onward import InputWentBackError, require_onward
from spark_jobs.kit.process import main
from spark_jobs.kit.run import Run, Steps
from spark_jobs.kit.runs import PartitionStatus
from spark_jobs.kit.session import SparkUnavailableError, opened
from spark_jobs.kit.sessions import UnknownCalendarError, is_session, sessions
from spark_jobs.publish_marts.job import Known, due, publish_marts
from tests.factories.ports import free_port

DAY = date(2022, 12, 28)
DONE = Manifest(
    run_id="r1",
    job="silver_daily_bars",
    business_date=DAY,
    state=State.PUBLISHED,
    code_version="abc",
    environment="sha256:0",
    parameters={"years": [2022]},
    inputs={"bronze.market_bars_daily_v1": 3},
    outputs={DAILY_BARS.name: OutputRecord(5, "ff", {"2022": PartitionRecord(5, "ff", {"close": "1.5"})}, 7)},
    counts={"read": 5},
    timings_s={"plan": 0.5},
)


class TestArguments:
    def test_all_of_them(self) -> None:
        told = parse(VAR_BATCH, ["--business-date", "2022-12-28", "--run-id", "a", "--as-of-run", "b"])
        assert told == Request(DAY, "a", "b")
        assert parse(VAR_BATCH, ["--business-date", "2022-12-28", "--rebuild"]) == Request(DAY, rebuild=True)

    def test_a_date_that_is_none_ends_with_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            parse(VAR_BATCH, ["--business-date", "28.12.2022"])
        assert ended.value.code == 2
        assert "28.12.2022" in capsys.readouterr().err


class TestScope:
    def test_partitions_are_literals_of_their_type(self) -> None:
        assert partitions(RETURNS_DAILY, (2021, 2022)).predicate == "business_year IN (2021, 2022)"
        scope = partitions(BARS_1M, (DAY,))
        assert (scope.predicate, scope.partitions) == ("event_date IN (DATE'2022-12-28')", ("2022-12-28",))

    def test_none_and_quotes_are_refused(self) -> None:
        with pytest.raises(ContractError, match="at least one partition"):
            partitions(BARS_1M, ())
        with pytest.raises(ContractError, match="holds a quote"):
            literal("x' OR '1'='1")


class TestManifest:
    def test_it_survives_json(self) -> None:
        assert parse_manifest(json.loads(json.dumps(DONE.document()))) == DONE

    def test_its_summary_is_the_result_that_a_dag_reads(self) -> None:
        result = parse_result(json.dumps(DONE.summary()))
        assert result.run_id == "r1"
        assert (result.outputs[DAILY_BARS.name].row_count, result.outputs[DAILY_BARS.name].delta_version) == (5, 7)

    def test_the_code_has_a_version(self) -> None:
        assert code_version()


class TestFingerprint:
    @pytest.mark.parametrize("name", sorted(n for n, t in TABLES.items() if t.writer is Engine.SPARK))
    def test_every_column_of_a_table_that_spark_writes_is_measured_once(self, name: str) -> None:
        labels = [measure.label for measure in measures(table(name))]
        assert len(labels) == len(set(labels))
        assert set(labels) >= set(table(name).column_names)

    def test_the_content_is_without_provenance_and_with_nulls(self) -> None:
        assert "run_id" not in content_hash(PORTFOLIO_RISK)
        assert "isnull(`vwap`)" in content_hash(BARS_1M)

    def test_a_sum_of_signed_hashes_is_sixteen_digits(self) -> None:
        assert (hexadecimal(0), hexadecimal(-1), hexadecimal((1 << 64) + 10)) == (
            "0000000000000000",
            "ffffffffffffffff",
            "000000000000000a",
        )


class TestTables:
    def test_checks_become_constraints_and_quotes_survive(self) -> None:
        told = ddl(table("silver.ticks_v1"), "s3a://b/t")
        assert "'delta.constraints.check_1' = 'kind IN (\\'trade\\', \\'quote\\')'" in told
        assert "`event_date` date NOT NULL" in told
        assert "'delta.enableDeletionVectors' = 'false'" in told
        assert "interval 400 days" in told

    def test_the_audit_asks_for_nulls_nan_and_the_stated_checks(self) -> None:
        names = [check.check.name for check in row_checks(BARS_1M, DAY)]
        assert {"open IS NOT NULL", "vwap is finite", "high >= low"} <= set(names)
        assert "vwap IS NOT NULL" not in names

    def test_only_a_job_s_commit_has_a_run(self) -> None:
        assert run_of({"userMetadata": '{"run_id": "r"}'}) == "r"
        for told in (None, "free text", "[]", "{}"):
            assert run_of({"userMetadata": told}) is None

    def test_every_spark_table_is_written_by_a_job_and_partitioned(self) -> None:
        written = {name for job in JOBS.values() for name in job.outputs}
        for found in TABLES.values():
            if found.writer is Engine.SPARK:
                assert found.name in written
                assert found.partition_by is not None
                assert Store.DELTA in found.stores


class TestReconciled:
    kept = Audit(5, "", {}, {}, {}, {"duplicates": 2})
    rejected = Audit(1, "", {}, {}, {}, {})

    def test_every_row_has_a_fate(self) -> None:
        assert reconciled(8, self.kept, self.rejected) == {"read": 8, "kept": 5, "duplicates": 2, "rejected": 1}

    def test_a_lost_row_is_an_error(self) -> None:
        with pytest.raises(RowsUnaccountedError, match="9 bronze rows were read but 5 kept, 2 duplicates and 1"):
            reconciled(9, self.kept, self.rejected)


class TestOnward:
    table = "bronze.market_bars_daily_v1"

    def test_the_same_and_a_newer_version_are_well_and_older_manifests_know_no_ids(self) -> None:
        known = replace(DONE, input_ids={self.table: "a"})
        for version in (3, 4):
            require_onward(self.table, known, Newest(version, "a"))
            require_onward(self.table, DONE, Newest(version, "any"))
        require_onward("another", DONE, Newest(0, "b"))

    def test_an_older_version_is_told_with_the_remedy(self) -> None:
        with pytest.raises(InputWentBackError, match=r"bars_daily_v1 has gone.*r1 read version 3.*is 2;.*--rebuild"):
            require_onward(self.table, DONE, Newest(2, "a"))

    def test_another_table_in_its_place_is_noticed_whatever_its_version(self) -> None:
        with pytest.raises(InputWentBackError, match="newest version is 9, and it was created anew"):
            require_onward(self.table, replace(DONE, input_ids={self.table: "a"}), Newest(9, "b"))


class TestChanged:
    """What a job looks at again, after its input was restored to version 5 and that was accepted."""

    class Restored(Lake):
        def __init__(self) -> None:
            pass

        def newest(self, table: Table) -> Newest:
            return Newest(5, "a")

    status: ClassVar = {"2021": PartitionStatus(9, 1, "r"), "2022": PartitionStatus(4, 1, "r")}

    def run(self, previous: Manifest | None) -> Run:
        return Run("r2", "returns_daily", DAY, Settings(), self.Restored(), lambda _: self.status, previous)

    def test_versions_of_before_hide_no_later_one(self) -> None:
        found = changed_partitions(self.run(None), DAILY_BARS)
        assert (found.since, found.seen) == (("2021", "2022"), 5)
        again = changed_partitions(self.run(replace(DONE, inputs={}, parameters={SEEN: found.seen})), DAILY_BARS)
        assert (again.since, again.seen) == (("2021",), 5)


class TestDue:
    def test_newer_missing_and_damaged_partitions_are_due(self) -> None:
        status = {day: PartitionStatus(version, 10, "r") for day, version in zip("abcd", (3, 3, 3, 3), strict=True)}
        known = {"a": Known(3, 10), "b": Known(2, 10), "d": Known(5, 10)}
        assert due(status, known, {"a": 10, "b": 10, "d": 9}) == ("b", "c", "d")

    def test_a_later_version_of_another_partition_is_no_reason(self) -> None:
        assert due({"a": PartitionStatus(3, 10, "r")}, {"a": Known(7, 10)}, {"a": 10}) == ()

    def test_an_empty_partition_is_loaded_once(self) -> None:
        empty = {"a": PartitionStatus(3, 0, "r")}
        assert due(empty, {}, {}) == ("a",)
        assert due(empty, {"a": Known(3, 0)}, {}) == ()


class TestProcess:
    argv = ("--business-date", "2022-12-28")

    @pytest.mark.parametrize(("error", "status"), [(DataError, 65), (UnavailableError, 75), (NothingToDo, 99)])
    def test_an_anticipated_failure_has_its_status_and_prints_no_result(
        self, error: type[DataError], status: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def perform(_: Request, __: Settings, ___: Clock) -> tuple[int, dict[str, object]]:
            raise error("the reason")

        assert main(SILVER_DAILY_BARS, perform, self.argv) == status
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("asked", [("--rebuild",), ("--as-of-run", "r1")])
    def test_a_job_that_computes_no_table_refuses_to_compute_one(self, asked: tuple[str, ...]) -> None:
        assert run_action(PUBLISH_MARTS, publish_marts, (*self.argv, *asked)) == 65

    def test_the_result_is_the_last_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(SILVER_DAILY_BARS, lambda *_: (0, DONE.summary()), self.argv) == 0
        assert parse_result(capsys.readouterr().out.splitlines()[-1]).run_id == "r1"


def test_steps_are_timed_and_told() -> None:
    clock, heard = ManualClock(), list[str]()
    steps = Steps(clock, heard.append)
    for seconds in (1.0, 2.0):
        with steps.timed("plan"):
            clock.sleep(seconds)
    assert (steps.seconds, heard) == ({"plan": 3.0}, ["plan", "plan"])


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    nobody = SparkSettings(remote=f"sc://127.0.0.1:{free_port()}")
    with pytest.raises(SparkUnavailableError, match="no Spark Connect server at sc://127"), opened(nobody, "r"):
        pass


def test_the_calendar_knows_holidays() -> None:
    assert is_session(DAY, "XNYS")
    assert not is_session(date(2022, 12, 26), "XNYS")
    assert is_session(date(2022, 7, 4), "XLON")
    assert not is_session(date(2022, 7, 4), "XNYS")
    assert len(sessions(2021, 2022, "XNYS")) == 503
    with pytest.raises(UnknownCalendarError, match=r"no calendar 'NYSE!' of .* set TIDEMARK_MARKET__CALENDAR"):
        is_session(DAY, "NYSE!")


def test_a_failed_run_keeps_its_error() -> None:
    failed = replace(DONE, state=State.FAILED, error="AuditFailedError: x")
    assert parse_manifest(failed.document()).error == "AuditFailedError: x"
