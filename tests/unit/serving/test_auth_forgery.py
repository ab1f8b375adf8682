"""Access tokens that nobody issued, or that were issued for something else, prove nothing."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lakehouse.clock import ManualClock
from lakehouse.settings import AuthSettings
from serving.auth import keys
from serving.auth.keys import KeyRingError
from serving.auth.tokens import ALGORITHM, REREAD_S, TYPE, AccessTokens
from serving.kit.access import NotAuthenticated

SECTION = AuthSettings()
USER, SESSION = uuid4(), uuid4()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path, clock: ManualClock) -> Path:
    keys.ensure(tmp_path / "jwt", clock)
    return tmp_path / "jwt"


@pytest.fixture
def tokens(folder: Path, clock: ManualClock) -> AccessTokens:
    return AccessTokens(SECTION, folder, clock)


def claims(clock: ManualClock, **changed: Any) -> dict[str, Any]:
    """What a real token says, but for `changed`; None leaves a claim out."""
    now = clock.now()
    real: dict[str, Any] = {
        "iss": SECTION.issuer,
        "aud": SECTION.audience,
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": "a",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(seconds=60),
    }
    return {name: value for name, value in {**real, **changed}.items() if value is not None}


def signed(folder: Path, said: dict[str, Any], **headers: Any) -> str:
    key = keys.load(folder).signing
    return jwt.encode(said, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE, **headers})


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=str).encode()).rstrip(b"=").decode()


def none_algorithm(folder: Path, clock: ManualClock) -> str:
    kid = keys.load(folder).signing.kid
    said = {**claims(clock), "exp": clock.now().timestamp() + 60, "nbf": 0, "iat": 0}
    return f"{_part({'alg': 'none', 'typ': TYPE, 'kid': kid})}.{_part(said)}."


def public_key_as_secret(folder: Path, clock: ManualClock) -> str:
    """The old confusion: HMAC keyed by the public key, which everybody may know."""
    import hashlib
    import hmac

    key = keys.load(folder).signing
    secret = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    said = {**claims(clock), "exp": clock.now().timestamp() + 60, "nbf": 0, "iat": 0}
    head = f"{_part({'alg': 'HS256', 'typ': TYPE, 'kid': key.kid})}.{_part(said)}"
    mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def foreign_key(folder: Path, clock: ManualClock) -> str:
    kid = keys.load(folder).signing.kid
    return jwt.encode(
        claims(clock), Ed25519PrivateKey.generate(), algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE}
    )


def own_key_in_header(folder: Path, clock: ManualClock) -> str:
    """A key that the token brings along, and an address to fetch one from."""
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
    headers = {
        "kid": "mine",
        "typ": TYPE,
        "jwk": jwk,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example",
    }
    return jwt.encode(claims(clock), private, algorithm=ALGORITHM, headers=headers)


def path_as_kid(folder: Path, clock: ManualClock) -> str:
    """A key file outside of the folder, named by a path."""
    private = Ed25519PrivateKey.generate()
    outside = folder.parent / "mine.pem"
    outside.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    outside.chmod(0o600)
    return jwt.encode(claims(clock), private, algorithm=ALGORITHM, headers={"kid": "../mine", "typ": TYPE})


def stripped(folder: Path, clock: ManualClock) -> str:
    return signed(folder, claims(clock)).rpartition(".")[0] + "."


def other_payload(folder: Path, clock: ManualClock) -> str:
    head, _, tail = signed(folder, claims(clock)).split(".")
    return f"{head}.{_part({**claims(clock), 'sub': str(uuid4()), 'exp': 9e9, 'nbf': 0, 'iat': 0})}.{tail}"


FORGED: tuple[Callable[[Path, ManualClock], str], ...] = (
    none_algorithm,
    public_key_as_secret,
    foreign_key,
    own_key_in_header,
    path_as_kid,
    stripped,
    other_payload,
)


@pytest.mark.parametrize("forge", FORGED, ids=lambda each: each.__name__)
def test_a_forgery_is_refused(
    tokens: AccessTokens, folder: Path, clock: ManualClock, forge: Callable[[Path, ManualClock], str]
) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.verify(forge(folder, clock))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"aud": None},
        {"exp": None},
        {"nbf": None},
        {"jti": None},
        {"sid": None},
        {"sub": "root"},
        {"sid": 7},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_our_own_signature_on_other_claims_is_refused(
    tokens: AccessTokens, folder: Path, clock: ManualClock, changed: dict[str, Any]
) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.verify(signed(folder, claims(clock, **changed)))


@pytest.mark.parametrize("headers", [{"typ": "JWT"}, {"typ": None}, {"typ": "rt+jwt"}, {"kid": "x"}], ids=str)
def test_another_type_or_key_is_refused(
    tokens: AccessTokens, folder: Path, clock: ManualClock, headers: dict[str, Any]
) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.verify(signed(folder, claims(clock), **headers))


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "....", "\x00", "é.é.é", "x" * 5000], ids=len)
def test_what_is_no_token_is_refused(tokens: AccessTokens, text: str) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.verify(text)


def test_ours_is_believed_until_it_expires(tokens: AccessTokens, clock: ManualClock) -> None:
    token = tokens.issue(USER, SESSION)
    assert (tokens.verify(token).user_id, tokens.verify(token).session_id) == (USER, SESSION)
    clock.sleep(SECTION.access_ttl_s - 1)
    tokens.verify(token)
    clock.sleep(1)
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.verify(token)


def test_one_of_tomorrow_is_refused_today(tokens: AccessTokens, folder: Path, clock: ManualClock) -> None:
    early = signed(folder, claims(clock, nbf=clock.now() + timedelta(hours=1), exp=clock.now() + timedelta(hours=2)))
    with pytest.raises(NotAuthenticated, match="not valid yet"):
        tokens.verify(early)


def test_keys_rotate_without_a_wrong_refusal_and_a_retired_one_proves_nothing(
    tokens: AccessTokens, folder: Path, clock: ManualClock
) -> None:
    old_kid, old = keys.load(folder).signing.kid, tokens.issue(USER, SESSION)
    elsewhere = AccessTokens(SECTION, folder, clock)
    clock.sleep(1)
    new_kid = keys.add(folder, clock)
    clock.sleep(REREAD_S)
    new = elsewhere.issue(USER, SESSION)
    assert jwt.get_unverified_header(new)["kid"] == new_kid != old_kid
    tokens.verify(old)
    tokens.verify(new)
    keys.retire(folder, old_kid)
    clock.sleep(REREAD_S)
    tokens.verify(new)
    with pytest.raises(NotAuthenticated):
        tokens.verify(old)


def test_a_key_added_elsewhere_is_known_at_once(tokens: AccessTokens, folder: Path, clock: ManualClock) -> None:
    tokens.verify(tokens.issue(USER, SESSION))
    clock.sleep(0.5)
    keys.add(folder, clock)
    tokens.verify(AccessTokens(SECTION, folder, clock).issue(USER, SESSION))


def test_the_last_key_stays_and_one_that_others_read_is_refused(folder: Path, clock: ManualClock) -> None:
    kid = keys.load(folder).signing.kid
    with pytest.raises(KeyRingError, match="only key"):
        keys.retire(folder, kid)
    with pytest.raises(KeyRingError, match="no key"):
        keys.retire(folder, "unknown")
    (folder / f"{kid}.pem").chmod(0o644)
    with pytest.raises(KeyRingError, match="others"):
        keys.load(folder)
