"""An engine in the cache is complete or absent."""

from pathlib import Path

import pytest

from lakehouse.local.install import debian
from lakehouse.local.install.cache import Cache


def test_an_engine_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(draft: Path, final: Path) -> None:
        assert not final.exists()
        (draft / "program").write_text("x")
        built.append(draft)

    cache = Cache(tmp_path)
    first = cache.install("engine", "1", build)
    second = cache.install("engine", "1", build)

    assert first == second == tmp_path / "engine" / "1"
    assert (first / "program").exists()
    assert len(built) == 1


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(draft: Path, _final: Path) -> None:
        (draft / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Cache(tmp_path).install("engine", "1", build)

    assert list((tmp_path / "engine").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"),
        ("sources.list", "deb [arch=amd64] http://mirror.example/debian bookworm main\n"),
    ],
)
def test_the_mirror_is_the_one_of_this_machine(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    assert debian.mirror(tmp_path) == "http://mirror.example/debian"


def test_no_mirror_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://mirror.example/ubuntu noble main\n")

    with pytest.raises(debian.DebianUnavailableError, match=r"docker-compose\.yml"):
        debian.mirror(tmp_path)
