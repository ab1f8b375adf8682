"""Which code a model or a decision comes from."""

import subprocess
from importlib.metadata import version

from lakehouse.settings import project_root


def code_version() -> str:
    """The git commit of the checkout, marked when it has local changes; the package's version outside of one."""
    told = subprocess.run(
        ["git", "-C", str(project_root()), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() if told.returncode == 0 else f"tidemark {version('tidemark')}"
