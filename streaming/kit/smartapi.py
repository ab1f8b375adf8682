"""Angel One SmartAPI, what prices and orders have in common: login, headers, the envelope of every answer.

Of smartapi.angelbroking.com/docs: User. Login is by PIN and one-time password; a session lasts until midnight in India.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr

from streaming.kit.remote import ProviderError, Refused
from streaming.kit.totp import totp
from streaming.kit.web import Web

NAME: Final = "angel-one"
URL: Final = "https://apiconnect.angelone.in"
BUSY: Final = b"exceeding access rate"
"""What its gateway says, with status 403, where it is asked too often."""
INDIA: Final = ZoneInfo("Asia/Kolkata")
_LOGIN: Final = "/rest/auth/angelbroking/user/v1/loginByPassword"


class AngelAccount(BaseModel):
    """What a login needs."""

    model_config = ConfigDict(frozen=True)

    api_key: SecretStr
    client_code: SecretStr
    pin: SecretStr
    totp_secret: SecretStr


class Tokens(msgspec.Struct, rename="camel"):
    """A session: what requests carry, and what the stream of prices does."""

    jwt_token: str
    feed_token: str


class Answer(msgspec.Struct):
    """The envelope: whether it went well, by which code it did not, and the data, unread."""

    message: str = ""
    status: bool | str | None = None
    success: bool | None = None
    errorcode: str | None = None
    errorCode: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def is_good(self) -> bool:
        """Whether it is no failure: those come with status 200 too."""
        return self.status is True or self.success is True

    @property
    def code(self) -> str:
        """The failure's, empty where it has none."""
        return self.errorcode or self.errorCode or ""


_ANSWER = msgspec.json.Decoder(Answer)
_TOKENS = msgspec.json.Decoder(Tokens)


def answer_of(body: bytes) -> Answer:
    """The envelope of an answer, good or not. Raises ProviderError."""
    try:
        return _ANSWER.decode(body)
    except msgspec.DecodeError as error:
        raise ProviderError(f"{NAME}: an answer cannot be read: {error}") from None


async def login(web: Web, account: AngelAccount, now: datetime) -> Tokens:
    """A new session. Raises Refused where it does not know the account, and ProviderError."""
    body = {
        "clientcode": account.client_code.get_secret_value(),
        "password": account.pin.get_secret_value(),
        "totp": totp(account.totp_secret.get_secret_value(), now),
    }
    answer = answer_of(await web.post(_LOGIN, body, headers(account)))
    if not answer.is_good:
        raise Refused(f"{NAME}: {answer.message}")
    try:
        return _TOKENS.decode(answer.data)
    except msgspec.DecodeError as error:
        raise ProviderError(f"{NAME}: the login's answer cannot be read: {error}") from None


def headers(account: AngelAccount, tokens: Tokens | None = None) -> dict[str, str]:
    """What the documentation asks of every request; it says that the addresses need not be true."""
    authorization = {"Authorization": f"Bearer {tokens.jwt_token}"} if tokens else {}
    return {
        **authorization,
        "Accept": "application/json",
        "X-UserType": "USER",
        "X-SourceID": "WEB",
        "X-ClientLocalIP": "127.0.0.1",
        "X-ClientPublicIP": "127.0.0.1",
        "X-MACAddress": "00:00:00:00:00:00",
        "X-PrivateKey": account.api_key.get_secret_value(),
    }
