"""Passwords: argon2id in a thread, two at a time, and rules without composition: length, and not a common one."""

import unicodedata
from functools import cache, partial
from importlib.resources import files
from typing import Final

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lakehouse.settings import AuthSettings
from serving.kit.problems import ApiError

SHORTEST, LONGEST = 8, 200
CONCURRENT = 2

# What guessers try first, by rule: words, what people add to them, rows of keys, and repetitions.
_ENDINGS: Final = (
    *("", "1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "0", "00", "007", "01"),
    *("11", "111", "1111", "21", "69", "99", "321", "!", "!!", "1!", "123!", "@123", "#1", "?", "."),
    *(str(year) for year in range(1960, 2031)),
)
_ROWS: Final = (
    *("1234567890", "0987654321", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1qaz2wsx3edc"),
    *("1q2w3e4r5t6y", "q1w2e3r4t5y6", "abcdefghijklmnopqrstuvwxyz", "qazwsxedcrfv", "147258369", "789456123"),
)


class PasswordTooCommon(ApiError):
    """The password is among the first that guessers try, or is the user's own e-mail address."""

    status = 409
    code = "password_too_common"
    title = "That password is too easy to guess"


@cache
def common() -> frozenset[str]:
    """Passwords that are refused, in lower case: about eight thousand."""
    words = (files("serving.auth") / "common_words.txt").read_text(encoding="utf-8").split()
    worded = {word + ending for word in words for ending in _ENDINGS}
    doubled = {word * 2 for word in words}
    rows = {row[:length] for row in _ROWS for length in range(SHORTEST, len(row) + 1)} | {row * 2 for row in _ROWS}
    return frozenset(text for text in worded | doubled | rows if len(text) >= SHORTEST)


def refuse_common(password: str, email: str) -> None:
    """Raise PasswordTooCommon for a password that is common, made of one or two repeated signs, or the e-mail."""
    text = normal(password).lower()
    local = email.partition("@")[0]
    if text in common() or text in {email, local, local * 2} or len(set(text)) < 3:
        raise PasswordTooCommon("Choose another: several words that do not belong together are easy to remember.")


def normal(password: str) -> str:
    """One spelling of what can be typed in several ways."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Hashes and checks. Both take about a tenth of a second of a core, whoever the user is."""

    def __init__(self, section: AuthSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=section.argon2_time_cost, memory_cost=section.argon2_memory_kib, parallelism=1
        )
        self._limiter = CapacityLimiter(CONCURRENT)
        self._nobodys = self._hasher.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """The argon2id hash, with a salt of its own."""
        return await to_thread.run_sync(self._hasher.hash, normal(password), limiter=self._limiter)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of `stored`. Without a hash it costs the same time and is False."""
        found = await to_thread.run_sync(
            partial(self._verify, password, stored or self._nobodys), limiter=self._limiter
        )
        return found and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the settings ask for another cost than `stored` was made with."""
        return self._hasher.check_needs_rehash(stored)

    def hash_now(self, password: str) -> str:
        """The same as `hash` for commands, which have no event loop."""
        return self._hasher.hash(normal(password))

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, normal(password))
        except (VerificationError, InvalidHashError):
            return False
