"""The rooms import only what they may: the contracts of pyproject.toml, as a test."""

from importlinter.cli import lint_imports

from lakehouse.settings import project_root


def test_every_import_contract_is_kept() -> None:
    assert lint_imports(config_filename=str(project_root() / "pyproject.toml"), cache_dir=None) == 0
