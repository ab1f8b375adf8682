"""Works for five minutes with a child of its own, and notes in PROBE_DIR who it is and how it was ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

notes = Path(os.environ["PROBE_DIR"])


def interrupted(number: int, _: FrameType | None) -> None:
    """What a job does to its query when it is told to end."""
    (notes / "interrupted").write_text(signal.Signals(number).name)
    sys.exit(1)


signal.signal(signal.SIGTERM, interrupted)
helper = subprocess.Popen(["sleep", "300"])
(notes / "pids.part").write_text(f"{os.getpid()} {helper.pid}")
(notes / "pids.part").rename(notes / "pids")
sys.stderr.write("started\n")
time.sleep(300)
