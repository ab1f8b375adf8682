"""A stack that is up or coming up keeps its ports, also while nobody listens on them."""

import fcntl
from pathlib import Path

import pytest

from lakehouse.local import claims, envfile
from lakehouse.local.home import Home


def _home(path: Path, stack_id: str, port: int) -> Home:
    home = Home(path)
    home.create()
    envfile.write(home, envfile.StackEnv({envfile.STACK_ID: stack_id, "TIDEMARK_STACK__KAFKA_PORT": str(port)}))
    return home


def _claimed(registry: Path, home: Home) -> frozenset[int]:
    with claims.settled(registry, home) as found:
        return found


@pytest.mark.parametrize("lock", ["warden_lock", "control_lock"])
def test_a_live_stack_claims_its_ports(tmp_path: Path, lock: str) -> None:
    ours, theirs = _home(tmp_path / "ours", "1", 9092), _home(tmp_path / "theirs", "2", 9094)
    assert _claimed(tmp_path / "registry", theirs) == frozenset()
    path: Path = getattr(theirs, lock)

    with path.open("w") as file:
        file.write("1")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)

        assert _claimed(tmp_path / "registry", ours) == {9094}
        assert _claimed(tmp_path / "registry", theirs) == frozenset()  # not from itself
    assert _claimed(tmp_path / "registry", ours) == frozenset()


def test_the_entry_of_a_removed_home_goes(tmp_path: Path) -> None:
    ours, theirs = _home(tmp_path / "ours", "1", 9092), _home(tmp_path / "theirs", "2", 9094)
    _claimed(tmp_path / "registry", theirs)
    theirs.stack_env.unlink()

    _claimed(tmp_path / "registry", ours)

    assert {entry.name for entry in (tmp_path / "registry").iterdir()} == {".lock", "1"}
