"""`tidemark run`: the job's own process in the command's place."""

import subprocess
import sys

from lakehouse.settings import project_root


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lakehouse.cli.main", "run", *words]
    return subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)


def test_the_job_s_own_arguments_and_exit_status_come_through() -> None:
    done = run("var_batch", "--business-date", "yesterday")
    assert done.returncode == 2
    assert "usage: python -m spark_jobs.var_batch" in done.stderr
    assert "'yesterday'" in done.stderr


def test_an_unknown_job_lists_what_exists() -> None:
    done = run("var", "--business-date", "2022-12-28")
    assert done.returncode == 1
    assert "no job 'var'; there are alert_monitor, allocate_portfolios," in done.stderr.replace("\n", " ")
