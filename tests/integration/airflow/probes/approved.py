"""Says on stderr who approved its run."""

import sys

from lakehouse.cli.jobs import Asked, run
from lakehouse.contracts.model import Job

SPEC = Job("promote", "Probe promote.", __name__, "platform", inputs=(), outputs=())


def work(asked: Asked) -> dict[str, int]:
    """Nothing but words."""
    sys.stderr.write(f"approved by {asked.approver}\n")
    return {}


if __name__ == "__main__":
    sys.exit(run(SPEC, work, None))
