"""One-time passwords of a broker's login (RFC 6238: SHA-1, 30 seconds, 6 digits)."""

import base64
import binascii
import hmac
from datetime import datetime

from lakehouse.errors import TidemarkError

_STEP_S = 30
_DIGITS = 6


class TotpError(TidemarkError):
    """The secret is no base32."""


def totp(secret: str, now: datetime) -> str:
    """The six digits that are good at `now`. Raises TotpError, without the secret in it."""
    text = secret.replace(" ", "").upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise TotpError("the secret of one-time passwords is no base32: copy it again from the broker") from None
    counter = int(now.timestamp()) // _STEP_S
    digest = hmac.digest(key, counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"
