"""The settings page is what the code reads."""

from lakehouse.cli.settings_table import documented, markdown
from lakehouse.settings import project_root


def test_the_page_is_what_the_code_reads() -> None:
    page = project_root() / "docs" / "settings.md"
    assert page.read_text() == markdown(), "settings changed: run `tidemark settings --write`"


def test_every_setting_says_what_it_is_for() -> None:
    assert [doc.variable for doc in documented() if not doc.purpose] == []


def test_no_secret_has_a_default() -> None:
    secrets = [doc for doc in documented() if doc.secret]
    assert secrets
    assert all(doc.default == "" for doc in secrets)
