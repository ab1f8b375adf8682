"""Files through the whole road: Kafka, the lander, bronze and quarantine, every row accounted for."""

import json
from pathlib import Path
from uuid import uuid4

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from lakehouse.contracts.tables.bronze import MARKET_BARS_DAILY, QUARANTINE
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings, project_root
from lakehouse.stores import delta, postgres
from streaming.feed.cli import app

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3", "postgres", "landing")]
MARKET = project_root().parent / "shared" / "market"
BAD = """date,symbol,open,high,low,close,volume
2022-01-03,{known},1,2,1,1.5,100
2022-01-03,{known},1,2,1,1.6,100
2022-01-04,{known},,2,1,1.5,100
2022-01-05,{known},1,2,3,1.5,100
2022-01-06,{known},1,2,1,abc,100
2022-01-07,{known},1,2,1
2022-02-31,{known},1,2,1,1.5,100
2022-01-10,{odd},1,2,1,1.5,100
"""


def run(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return found


def shared(name: str) -> str:
    path = MARKET / name
    if not path.is_file():
        pytest.skip(f"needs {name} of the shared market folder, which is not on this machine")
    return str(path)


@pytest.mark.usefixtures("lake")
def test_a_real_daily_file_adds_up_and_its_known_defects_are_found() -> None:
    found = run("ingest", shared("us_equities_daily_2013_2016.csv.gz"), "--provider", "kaggle")

    assert found["rows_in"] == 479_878
    assert (found["landed"], found["quarantined"], found["adds_up"]) == (479_856, 22, True)
    topics = found["topics"]
    assert isinstance(topics, dict)
    assert topics["market.bars.daily"]["reasons"] == {"high_below_low": 1, "missing_price": 10, "outside_range": 11}


@pytest.mark.usefixtures("lake")
def test_a_real_tick_file_adds_up() -> None:
    found = run("ingest", shared("us_equity_ticks_2013-10-07_09.parquet"), "--provider", "lean")

    assert (found["rows_in"], found["landed"], found["quarantined"]) == (1_596_848, 1_596_848, 0)


def test_every_bad_row_lies_in_quarantine_with_reason_source_and_its_own_text(lake: Settings, tmp_path: Path) -> None:
    known, odd = f"OK{uuid4().hex[:6].upper()}", f"ODD{uuid4().hex[:6].upper()}"
    migrations.upgrade(lake)
    with postgres.connect(lake.postgres) as connection:
        connection.execute(
            "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, 'of a test', 'USD', 'XNYS')",
            [known],
        )
    path = tmp_path / f"{uuid4().hex}.csv"
    path.write_text(BAD.format(known=known, odd=odd))

    found = run("ingest", str(path), "--strict", "--provider", path.stem)

    assert (found["rows_in"], found["landed"], found["quarantined"]) == (8, 1, 7)
    quarantine = delta.open_table(lake.s3, QUARANTINE).to_pyarrow_dataset()
    rows = quarantine.to_table(
        columns=["source", "reason", "raw", "key"], filter=pc.starts_with(pc.field("source"), path.name)
    )
    lines = path.read_text().splitlines()
    bad = {row["source"].removeprefix(f"{path.name}:"): row for row in rows.to_pylist()}
    assert {line: row["reason"] for line, row in bad.items()} == {
        "3": "duplicate_key",
        "4": "missing_price",
        "5": "high_below_low",
        "6": "wrong_type",
        "7": "unparsable",
        "8": "unparsable_time",
        "9": "unknown_symbol",
    }
    for line, row in bad.items():
        assert lines[int(line) - 1].encode() in row["raw"]
    bronze = delta.open_table(lake.s3, MARKET_BARS_DAILY).to_pyarrow_dataset()
    (landed,) = bronze.to_table(filter=pc.field("provider") == path.stem).to_pylist()
    assert (landed["symbol"], str(landed["close"])) == (known, "1.50000000")


@pytest.mark.usefixtures("lake")
def test_the_demo_sends_real_closes_and_simulated_ticks() -> None:
    found = run("demo", "--days", "1", "--ticks", "10")

    topics = found["topics"]
    assert isinstance(topics, dict)
    assert topics["market.bars.daily"]["landed"] == 8313 * 20
    assert topics["market.ticks"]["landed"] == 200
    assert (found["quarantined"], found["adds_up"]) == (0, True)
