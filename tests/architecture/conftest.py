"""What the repository holds: the files that git tracks or would track, read once."""

import subprocess
from pathlib import Path

import pytest

from lakehouse.settings import project_root


@pytest.fixture(scope="session")
def files() -> tuple[Path, ...]:
    """Every file of the working tree that git does not ignore, relative to the project's root."""
    root = project_root()
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        found = subprocess.run(listing, cwd=root, capture_output=True, check=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    return tuple(path for name in found.split("\0") if name and (root / (path := Path(name))).is_file())


@pytest.fixture(scope="session")
def sources(files: tuple[Path, ...]) -> dict[Path, str]:
    """The text of every Python file."""
    root = project_root()
    return {path: (root / path).read_text(encoding="utf-8") for path in files if path.suffix == ".py"}


@pytest.fixture(scope="session")
def texts(files: tuple[Path, ...]) -> dict[Path, str]:
    """The text of every file that is text."""
    root = project_root()
    raw = {path: (root / path).read_bytes() for path in files}
    return {path: data.decode("utf-8", "replace") for path, data in raw.items() if b"\0" not in data}
