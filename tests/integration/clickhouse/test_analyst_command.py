"""`tidemark sql` against a real server: what is printed, what is refused, and what is said about it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from lakehouse.cli import sql_session
from lakehouse.settings import inherited_environment, project_root
from lakehouse.stores.analyst import Analyst, Form, QuestionFailed
from tests.factories.clickhouse_process import ClickHouseProcess
from tests.factories.ports import free_port

pytestmark = pytest.mark.integration


def tidemark_sql(
    server: ClickHouseProcess, *arguments: str, said: str = "", **changed: str
) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it, with what it was given through a pipe."""
    section = server.section
    env = {
        **inherited_environment(),
        "TIDEMARK_HOME": str(server.settings.home),
        "TIDEMARK_CLICKHOUSE__PORT": str(section.port),
        "TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD": section.analyst_password.get_secret_value(),
        "COLUMNS": "200",
        **changed,
    }
    command = [sys.executable, "-m", "lakehouse.cli.main", "sql", *arguments]
    return subprocess.run(
        command, env=env, input=said, capture_output=True, text=True, check=False, cwd=project_root(), timeout=300
    )


@pytest.fixture
def analyst(clickhouse: ClickHouseProcess) -> Iterator[Analyst]:
    with Analyst(clickhouse.section) as opened:
        yield opened


def test_a_statement_a_file_and_a_pipe_give_one_answer(clickhouse: ClickHouseProcess, tmp_path: Path) -> None:
    statement = "-- why\nSELECT toDecimal64('12345678.90', 2) AS amount, 'a,b' AS name; -- done\n"
    file = tmp_path / "question.sql"
    file.write_text(statement)
    answers = [
        tidemark_sql(clickhouse, "--format", "csv", "--", statement),
        tidemark_sql(clickhouse, "-f", str(file), "--format", "csv"),
        tidemark_sql(clickhouse, "--format", "csv", said=statement),
    ]
    assert {answer.stdout for answer in answers} == {'"amount","name"\n12345678.90,"a,b"\n'}
    assert {(answer.returncode, answer.stderr) for answer in answers} == {(0, "")}


def test_a_question_that_fails_ends_with_status_1_and_advice(clickhouse: ClickHouseProcess) -> None:
    failed = tidemark_sql(clickhouse, "SELECT nope FROM portfolio_risk_latest")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "nope" in failed.stderr
    assert "tidemark sql --describe VIEW" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_server_that_is_not_there_is_said_to_be_so(clickhouse: ClickHouseProcess) -> None:
    failed = tidemark_sql(clickhouse, "SELECT 1", TIDEMARK_CLICKHOUSE__PORT=str(free_port()))
    assert failed.returncode == 1
    assert "does not answer" in failed.stderr
    assert "tidemark status" in failed.stderr


def test_wrong_arguments_end_with_status_2(clickhouse: ClickHouseProcess, tmp_path: Path) -> None:
    for arguments in (
        ("SELECT 1", "--list"),
        ("SELECT 1", "--format", "xml"),
        ("SELECT 1", "-p", "day"),
        ("-f", str(tmp_path / "absent.sql")),
    ):
        assert tidemark_sql(clickhouse, *arguments).returncode == 2, arguments


def test_forms_and_parameters(analyst: Analyst) -> None:
    statement = "SELECT number AS n, number / 2 AS half FROM numbers({count:UInt8})"
    answers = {form: analyst.ask(statement, form=form, parameters={"count": "2"}).decode() for form in Form}
    assert answers[Form.CSV] == '"n","half"\n0,0\n1,0.5\n'
    assert [json.loads(line) for line in answers[Form.JSON].splitlines()] == [
        {"n": 0, "half": 0.0},
        {"n": 1, "half": 0.5},
    ]
    assert "│ 1 │  0.5 │" in answers[Form.TABLE]


def test_an_answer_without_rows_says_so(clickhouse: ClickHouseProcess) -> None:
    shown = [tidemark_sql(clickhouse, "SELECT 1 AS one WHERE 0", "--format", form).stdout for form in Form]
    assert shown == ["no rows\n", '"one"\n', ""]


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("SELECT * FROM nowhere", "tidemark sql --list"),
        ("SELEC 1", "one statement"),
        ("SELECT 1 FORMAT CSV", "--format"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT {day:Date}", "--param NAME=VALUE"),
        ("INSERT INTO numbers_kept VALUES (1, 'x')", "the analyst only reads"),
        ("DROP TABLE numbers_kept", "the analyst only reads"),
        ("SET readonly = 0", "the analyst only reads"),
        ("SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')", "the analyst only reads"),
        ("SELECT * FROM private.salaries", "the analyst only reads"),
        ("SELECT * FROM numbers(2000000)", "narrow it"),
        ("SELECT count() FROM numbers(100000000000)", "narrow it"),
        ("SELECT n, count() FROM numbers_kept", "GROUP BY"),
    ],
)
def test_an_error_says_what_to_do(analyst: Analyst, statement: str, advice: str) -> None:
    with pytest.raises(QuestionFailed, match=advice) as failed:
        analyst.ask(statement)
    assert "HTTP" not in str(failed.value)
    assert "version" not in str(failed.value)


def test_a_wrong_password_is_told_from_an_absent_one(clickhouse: ClickHouseProcess) -> None:
    for password, said in (("wrong", "ANALYST_PASSWORD"), ("", "there is no analyst here")):
        section = clickhouse.section.model_copy(update={"analyst_password": SecretStr(password)})
        with Analyst(section) as analyst, pytest.raises(QuestionFailed, match=said):
            analyst.ask("SELECT 1")


def test_list_and_describe(analyst: Analyst, capfd: pytest.CaptureFixture[str]) -> None:
    sql_session.show_views(analyst, Form.CSV)
    assert '"portfolio_risk_latest","VaR and expected shortfall' in capfd.readouterr().out
    sql_session.show_columns(analyst, "risk_change", Form.TABLE)
    shown = capfd.readouterr().out
    assert "source: gold.portfolio_risk_v1" in shown
    assert "var_change_base" in shown
    sql_session.show_columns(analyst, "risk_change", Form.JSON)
    first = json.loads(capfd.readouterr().out.splitlines()[0])
    assert list(first) == ["column", "type", "unit", "currency", "meaning", "grain", "source", "refresh"]
    with pytest.raises(QuestionFailed, match="there is no view nowhere"):
        sql_session.show_columns(analyst, "nowhere", Form.TABLE)


def test_a_conversation_goes_on_after_an_error(analyst: Analyst, capfd: pytest.CaptureFixture[str]) -> None:
    told = iter(["SELECT", "40 + 2 AS answer;", "SELECT nope;", r"\d risk_change", r"\l", "", ";", "SELECT 7;"])
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        try:
            return next(told)
        except StopIteration:
            raise EOFError from None

    sql_session.converse(analyst, Form.CSV, read)
    shown = capfd.readouterr().out
    assert '"answer"\n42\n' in shown
    assert "error: " in shown
    assert "var_change_base" in shown
    assert "portfolio_risk_latest" in shown
    assert shown.endswith('"7"\n7\n')
    assert prompts[:3] == ["tidemark> ", "   ...> ", "tidemark> "]
