"""Signing keys of access tokens: Ed25519, one file a key (0600), the newest signs, all of them verify."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.errors import TidemarkError
from lakehouse.local.home import PRIVATE_DIR, write_private
from lakehouse.settings import Settings


class KeyRingError(TidemarkError):
    """The folder of signing keys cannot be used."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its id, the `kid` of the tokens that it signs. Ids sort by the time a key was made."""

    kid: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id. A key is retired by removing its file: its tokens are refused as soon as the ring is read again."""

    keys: dict[str, SigningKey]

    @property
    def signing(self) -> SigningKey:
        """The newest key."""
        return self.keys[max(self.keys)]


def folder_of(settings: Settings) -> Path:
    """Where the keys are."""
    return settings.auth.key_dir or settings.home / "keys" / "jwt"


def load(folder: Path) -> KeyRing:
    """Every key of the folder. Raises KeyRingError for a file that others may read or that is no Ed25519 key."""
    keys = {path.stem: SigningKey(path.stem, _read(path)) for path in sorted(folder.glob("*.pem"))}
    if not keys:
        raise KeyRingError(f"{folder} has no signing key: `tidemark auth rotate-key` makes one")
    return KeyRing(keys)


def ensure(folder: Path, clock: Clock) -> KeyRing:
    """The ring, with a first key where there is none yet."""
    if not any(folder.glob("*.pem")):
        add(folder, clock)
    return load(folder)


def add(folder: Path, clock: Clock) -> str:
    """Write a new key, which signs from then on, and return its id. Older keys go on verifying."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(PRIVATE_DIR)
    kid = uuid7(clock).hex
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(folder / f"{kid}.pem", pem.decode())
    return kid


def retire(folder: Path, kid: str) -> None:
    """Remove a key: its tokens are refused within seconds. Raises KeyRingError for the last one and an unknown one."""
    ring = load(folder)
    if kid not in ring.keys:
        raise KeyRingError(f"there is no key {kid}: `tidemark auth keys` lists them")
    if len(ring.keys) == 1:
        raise KeyRingError("this is the only key: `tidemark auth rotate-key` first, or nobody can log in")
    (folder / f"{kid}.pem").unlink()


def _is_exposed(found: os.stat_result) -> bool:
    """Whether somebody else may read it. Kubernetes mounts secrets as root's, readable by the pod's group."""
    is_mounted_secret = found.st_uid == 0 != os.geteuid()
    return bool(found.st_mode & (0o007 if is_mounted_secret else 0o077))


def _read(path: Path) -> Ed25519PrivateKey:
    if _is_exposed(path.stat()):
        raise KeyRingError(f"{path} may be read by others: chmod 600 it, and rotate the key")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise KeyRingError(f"{path} is no private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRingError(f"{path} is no Ed25519 key")
    return key
