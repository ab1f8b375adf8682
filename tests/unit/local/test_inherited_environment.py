"""What child processes are given of the environment."""

import pytest

from lakehouse.settings import inherited_environment


def test_children_keep_bytecode_whatever_their_parent_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("NO_PROXY", "a name of this test")
    found = inherited_environment()
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["NO_PROXY"] == "a name of this test"
