"""A job's process: its lines, its end, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from dags.kit.child import Child, Finished, Stream
from lakehouse.clock import SystemClock
from lakehouse.settings import inherited_environment, project_root

CLOCK = SystemClock()
GRACE_S = 60.0
SHORT_S = 1.0


def child(folder: Path, source: str, *arguments: str, grace_s: float = GRACE_S) -> Child:
    """A child that runs `source`."""
    (folder / "job_under_test.py").write_text(source)
    environment = {**inherited_environment(), "PYTHONPATH": str(folder)}
    return Child("job_under_test", arguments, clock=CLOCK, environment=environment, grace_s=grace_s)


def follow(found: Child) -> tuple[Finished, list[tuple[Stream, str]]]:
    """How the child ended and what it said."""
    lines: list[tuple[Stream, str]] = []
    return found.follow(lambda stream, line: lines.append((stream, line))), lines


def gone(pid: int, *, within_s: float = 60.0) -> bool:
    """Whether a process ends in time; a zombie has ended."""
    deadline = CLOCK.monotonic() + within_s
    try:
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if CLOCK.monotonic() > deadline:
                return False
            CLOCK.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return True


def note(path: Path, *, within_s: float = 60.0) -> str:
    """The text of a file that a child is about to write."""
    deadline = CLOCK.monotonic() + within_s
    while not path.exists() or not path.read_text().endswith("."):
        assert CLOCK.monotonic() < deadline, f"{path.name} did not appear"
        CLOCK.sleep(0.05)
    return path.read_text()[:-1]


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {helper.pid}.")
time.sleep(600)
"""


class TestFollow:
    def test_lines_of_both_streams_and_the_result(self, tmp_path: Path) -> None:
        source = "import sys\nprint('a line', flush=True)\nsys.stderr.write('working\\n\\n')\nprint('{\"run_id\": 1}')"
        finished, lines = follow(child(tmp_path, source))
        assert finished == Finished(0, '{"run_id": 1}', "working")
        assert {line for stream, line in lines if stream is Stream.OUT} == {"a line", '{"run_id": 1}'}

    def test_the_message_is_the_last_logged_error(self, tmp_path: Path) -> None:
        source = "import sys\nsys.stderr.write('2022 job ERROR x: no bars\\nchannel closed\\n')\nsys.exit(65)"
        finished, _ = follow(child(tmp_path, source))
        assert (finished.exit_code, finished.message) == (65, "x: no bars")

    def test_a_traceback_ends_with_its_message(self, tmp_path: Path) -> None:
        finished, _ = follow(child(tmp_path, "raise ValueError('no such thing')"))
        assert (finished.exit_code, finished.message) == (1, "ValueError: no such thing")

    def test_a_last_line_without_newline_and_bytes_that_are_no_text_are_read(self, tmp_path: Path) -> None:
        finished, _ = follow(child(tmp_path, "import sys\nsys.stdout.buffer.write(b'caf\\xff')"))
        assert finished.result == "caf\ufffd"

    def test_a_megabyte_on_one_line_does_not_block(self, tmp_path: Path) -> None:
        finished, _ = follow(child(tmp_path, "import sys\nsys.stderr.write('e' * 10**6)\nprint('o' * 10**6)"))
        assert (len(finished.result), len(finished.message)) == (10**6, 10**6)

    def test_the_module_sees_its_own_arguments_only(self, tmp_path: Path) -> None:
        finished, _ = follow(child(tmp_path, "import sys\nprint(sys.argv[1:], __name__)", "--business-date", "D"))
        assert finished.result == "['--business-date', 'D'] __main__"


class TestStop:
    def test_a_process_that_listens_ends_by_itself(self, tmp_path: Path) -> None:
        handler = "signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], 'w').write('bye.'), sys.exit(143)))"
        ready = "open(sys.argv[2], 'w').write('.')"
        found = child(
            tmp_path,
            f"import signal, sys, time\n{handler}\n{ready}\ntime.sleep(600)",
            str(tmp_path / "bye"),
            str(tmp_path / "up"),
        )
        note(tmp_path / "up")
        found.stop()
        assert note(tmp_path / "bye") == "bye"
        assert follow(found)[0].exit_code == 143

    def test_a_process_that_does_not_listen_is_killed_with_what_it_started(self, tmp_path: Path) -> None:
        found = child(tmp_path, STUBBORN, str(tmp_path / "pids"), grace_s=SHORT_S)
        pids = [int(pid) for pid in note(tmp_path / "pids").split()]
        found.stop()
        assert follow(found)[0].exit_code == -signal.SIGKILL
        assert all(gone(pid) for pid in pids)

    def test_stopping_twice_or_after_the_end_is_no_error(self, tmp_path: Path) -> None:
        found = child(tmp_path, "")
        follow(found)
        found.stop()
        found.stop()


PARENT = """
import sys
from dags.kit.child import Child
from lakehouse.clock import SystemClock
Child("job_under_test", sys.argv[1:], clock=SystemClock()).follow(lambda *_: None)
"""

TIDY = """
import os, signal, subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=False)
def end(*_):
    open(sys.argv[2], "w").write("interrupted.")
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
open(sys.argv[1], "w").write(f"{os.getpid()} {helper.pid}.")
time.sleep(600)
"""


def test_a_starter_killed_with_sigkill_takes_its_job_and_what_that_started_along(tmp_path: Path) -> None:
    (tmp_path / "job_under_test.py").write_text(TIDY)
    environment = {**inherited_environment(), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", PARENT, str(tmp_path / "pids"), str(tmp_path / "bye")]
    parent = subprocess.Popen(command, env=environment, cwd=project_root())
    pids = [int(pid) for pid in note(tmp_path / "pids").split()]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert note(tmp_path / "bye") == "interrupted"
    assert all(gone(pid) for pid in pids)


def test_a_job_whose_starter_is_already_gone_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "job_under_test.py").write_text("print('ran')")
    environment = {**inherited_environment(), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "dags.kit.launch", "1", "job_under_test"]
    ended = subprocess.run(command, env=environment, cwd=project_root(), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "the process 1 that started this job is gone" in ended.stderr
    assert ended.stdout == ""
