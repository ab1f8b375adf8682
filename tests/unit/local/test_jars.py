"""The jar locks: well formed, and a jar that is missing or altered is named."""

import hashlib
from pathlib import Path

import pytest

from lakehouse.local.install import jars


@pytest.mark.parametrize("name", ["kafka", "lake"])
def test_the_locks_are_complete(name: str) -> None:
    locked = jars.read_lock(jars.lock_path(name))

    assert len({jar.coordinate for jar in locked}) == len(locked) >= 40
    assert all(len(jar.sha256) == 64 for jar in locked)


def test_the_lake_set_is_what_was_tried_together() -> None:
    locked = {jar.coordinate for jar in jars.read_lock(jars.lock_path("lake"))}

    assert {"io.delta:delta-spark_4.2_2.13:4.4.0", "org.apache.hadoop:hadoop-aws:3.5.0"} <= locked
    assert not any("awssdk:bundle" in coordinate for coordinate in locked)


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jars.lock"
    path.write_text("# comment\norg.example:thing 1.0\n")

    with pytest.raises(jars.JarError, match=r"x\.jars\.lock:2"):
        jars.read_lock(path)


def test_missing_and_altered_jars_are_named(tmp_path: Path) -> None:
    good, altered, missing = (
        jars.Jar("org.example", name, "1.0", hashlib.sha256(name.encode()).hexdigest())
        for name in ("good", "altered", "missing")
    )
    (tmp_path / good.file_name).write_bytes(b"good")
    (tmp_path / altered.file_name).write_bytes(b"altered and more")

    jars.verify(tmp_path, (good,))
    with pytest.raises(jars.JarError, match=r"2 of 3 .*altered:1.0 has another sha256; .*missing:1.0 is missing"):
        jars.verify(tmp_path, (good, altered, missing))
