"""The command line: quick to start, and open to the rooms above."""

import subprocess
import sys

import typer
from typer.testing import CliRunner

from lakehouse.cli import rooms
from lakehouse.cli.main import app

HEAVY = {"pyarrow", "pandas", "confluent_kafka", "psycopg", "grpc", "deltalake", "pyspark", "mlflow", "airflow"}


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, lakehouse.cli.main as m; from lakehouse.cli import rooms; rooms.register(m.app, ['--help']);"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.strip() == "[]"


def test_the_help_page_lists_the_commands_of_the_rooms() -> None:
    listed = typer.Typer()

    rooms.register(listed, ["--help"])

    assert "ingest" in {command.name for command in listed.registered_commands}


def test_a_rooms_command_is_loaded_when_asked_for() -> None:
    loaded = typer.Typer()

    rooms.register(loaded, ["ingest", "--help"])

    (command,) = loaded.registered_commands
    assert command.callback is not None
    assert command.callback.__module__.startswith("streaming.")


def test_every_command_of_the_stack_explains_itself() -> None:
    for name in ("up", "down", "status", "logs", "doctor", "reset", "fetch"):
        answer = CliRunner().invoke(app, [name, "--help"])

        assert answer.exit_code == 0
        assert name in answer.output
