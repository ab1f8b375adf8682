"""Passwords: what is refused, what is not, and that one is told from another."""

import asyncio

import pytest
from hypothesis import assume, given, strategies as st

from lakehouse.settings import AuthSettings
from serving.auth import api_keys
from serving.auth.passwords import Passwords, PasswordTooCommon, common, normal, refuse_common

EMAIL = "ann.example@example.com"
CHEAP = Passwords(AuthSettings(argon2_memory_kib=8192, argon2_time_cost=1))


@pytest.mark.parametrize(
    "text",
    [
        *("password", "Password1", "PASSWORD123!", "12345678", "qwertyuiop", "iloveyou", "letmein2024", "aaaaaaaa"),
        *("abababab", "monkeymonkey", "ann.example@example.com", "Ann.Example", "tidemark2026", "\uff50assword1"),
    ],
)
def test_what_guessers_try_first_is_refused(text: str) -> None:
    with pytest.raises(PasswordTooCommon):
        refuse_common(text, EMAIL)


@pytest.mark.parametrize("text", ["correct horse battery", "password but longer", "Tr0ub4dor&3", "ключ от квартиры"])
def test_anything_else_is_taken_without_rules_of_composition(text: str) -> None:
    refuse_common(text, EMAIL)


def test_thousands_are_refused() -> None:
    assert len(common()) > 3000
    assert all(len(text) >= 8 for text in common())


def test_a_hash_tells_one_password_from_another() -> None:
    long = "x" * 199
    stored = CHEAP.hash_now(long + "a")

    async def run() -> tuple[bool, bool, bool]:
        return (
            await CHEAP.matches(long + "a", stored),
            await CHEAP.matches(long + "b", stored),
            await CHEAP.matches("the password of nobody", None),
        )

    assert asyncio.run(run()) == (True, False, False)
    assert stored.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert CHEAP.hash_now(long) != CHEAP.hash_now(long), "each has a salt of its own"
    assert not CHEAP.is_outdated(stored)
    assert Passwords(AuthSettings(argon2_memory_kib=9216, argon2_time_cost=1)).is_outdated(stored)


@given(st.text(min_size=8, max_size=40))
def test_ways_to_type_one_text_are_one_password(text: str) -> None:
    assert normal(normal(text)) == normal(text)


def test_an_api_key_is_found_by_its_id_and_proved_by_its_secret() -> None:
    key = api_keys.new()
    assert api_keys.parse(key.text) == key
    assert key.matches(key.secret_hash)
    assert not api_keys.new().matches(key.secret_hash)
    assert len({api_keys.new().text for _ in range(100)}) == 100


@given(st.text(max_size=90) | st.from_regex(r"td_[a-z2-7]{13}_[a-z2-7]{51,53}", fullmatch=True))
def test_what_has_not_the_form_of_a_key_is_none(text: str) -> None:
    assume(len(text) != 3 + 13 + 1 + 52)
    assert api_keys.parse(text) is None
