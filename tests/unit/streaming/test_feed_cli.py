"""The command line: a dry run reports without an engine, and a wrong flag says what is right."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.errors import TidemarkError
from streaming.feed.cli import app

FILE = "date,ticker,open,high,low,close,volume,note\n2022-01-03,A,1,2,1,1,5,x\n2022-01-04,[b]A,1,2,3,1,5,\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    found = tmp_path / "f.csv"
    found.write_text(FILE)
    return str(found)


def test_a_dry_run_prints_rows_reasons_and_totals(path: str) -> None:
    result = CliRunner().invoke(app, ["ingest", path, "--dry-run"], catch_exceptions=False)

    assert result.exit_code == 0
    for words in ("f.csv:3", "high_below_low", "high is 2", "[b]A,1,2,3,1,5", "dry run", "note (f.csv)"):
        assert words in result.output


def test_a_dry_run_as_json_adds_up(path: str) -> None:
    result = CliRunner().invoke(app, ["ingest", path, "--dry-run", "--json", "--show", "0"], catch_exceptions=False)

    found = json.loads(result.output)
    (file,) = found["files"]
    assert found["rows_in"] == file["rows_in"] == file["good"] + file["bad"] == 2
    assert file["reasons"] == {"high_below_low": 1}
    assert file["first_bad"] == []
    assert file["ignored_columns"] == ["note"]


def test_a_mapping_takes_another_column(path: str) -> None:
    arguments = ["ingest", path, "--dry-run", "--json", "--map", "low=open", "--map", "open=open", "--provider", "me"]

    result = CliRunner().invoke(app, arguments, catch_exceptions=False)

    assert json.loads(result.output)["files"][0]["bad"] == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--map", "close"], "write it as FIELD=COLUMN"),
        (["--map", "close=low", "--map", "close=high"], "mapped to low already"),
        (["--map", "close=nowhere"], "no column nowhere"),
        (["--map-zero-as-missing", "symbol"], "no number; there are ask_price"),
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["--kind", "ticks"], "missing column for ticks: event_time"),
    ],
)
def test_a_wrong_flag_is_an_error_of_usage(path: str, flags: list[str], message: str) -> None:
    with pytest.raises(TidemarkError, match=message) as caught:
        CliRunner().invoke(app, ["ingest", path, "--dry-run", *flags], catch_exceptions=False)
    assert caught.value.exit_code == 2
