"""The currencies that Python rounds by are those that the ledger keeps."""

import pytest

from lakehouse.domain.currency import MINOR_DIGITS
from lakehouse.settings import Settings
from lakehouse.stores import postgres

pytestmark = pytest.mark.integration


def test_every_currency_has_the_same_minor_digits_in_the_code_and_in_the_ledger(books: Settings) -> None:
    with postgres.connect(books.postgres) as connection:
        stored: dict[str, int] = dict(connection.execute("SELECT code, minor_digits FROM ledger.currency").fetchall())
    assert stored == MINOR_DIGITS
