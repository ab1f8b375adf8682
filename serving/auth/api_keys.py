"""The form of API keys: `td_ID_SECRET`; the id finds the key, the secret (256 bits of chance) proves it."""

import hashlib
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from hmac import compare_digest

ID_BYTES = 8
SECRET_BYTES = 32
_FORM = re.compile(r"(td_[a-z2-7]{13})_([a-z2-7]{52})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner has it."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"{self.prefix}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """What is stored. No salt: nobody guesses 256 bits."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, stored: bytes) -> bool:
        """Whether `stored` is the hash of the secret, in constant time."""
        return compare_digest(self.secret_hash, stored)


def new() -> ApiKey:
    """A key that nobody has."""
    return ApiKey(f"td_{_chance(ID_BYTES)}", _chance(SECRET_BYTES))


def parse(text: str) -> ApiKey | None:
    """The key, or None for what has not the form of one."""
    found = _FORM.fullmatch(text)
    return None if found is None else ApiKey(*found.groups())


def _chance(size: int) -> str:
    return b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
