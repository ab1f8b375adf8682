"""International bank account numbers by their check digits."""

import pytest

from lakehouse.domain.iban import is_iban


@pytest.mark.parametrize("text", ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"])
def test_the_registry_s_examples_are_right(text: str) -> None:
    assert is_iban(text)


@pytest.mark.parametrize("text", ["", "DE89370400440532013001", "de89370400440532013000", "DE89 3704 0044", "GB29"])
def test_others_are_not(text: str) -> None:
    assert not is_iban(text)
