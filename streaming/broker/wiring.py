"""The broker that settings name: of paper or on this machine, unless real money is asked for in so many words."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import BrokerSettings
from streaming.broker import alpaca
from streaming.broker.alpaca import Alpaca
from streaming.broker.angel_one import AngelOne
from streaming.broker.instruments import read_instruments
from streaming.broker.port import Broker
from streaming.kit import smartapi
from streaming.kit.remote import Sleep
from streaming.kit.smartapi import AngelAccount

PAPER: Final = frozenset({alpaca.PAPER_URL})


class BrokerNameError(TidemarkError):
    """The broker lacks what it needs, or would trade with real money without being told to."""

    exit_code = 2


def venue_of(section: BrokerSettings) -> str:
    """What the books call the account that settings name; empty where they name none. Raises BrokerNameError."""
    if section.name != "alpaca":
        return section.name
    url = _alpaca_url(section)
    return alpaca.NAME if url.rstrip("/") in PAPER or _is_here(url) else alpaca.LIVE


def broker_of(section: BrokerSettings, *, clock: Clock, sleep: Sleep) -> Broker | None:
    """The broker; None where none is named. Raises BrokerNameError and InstrumentsError."""
    if section.name == "alpaca":
        url = _alpaca_url(section)
        key, secret = (_needed(getattr(section, name), name) for name in ("alpaca_key", "alpaca_secret"))
        return Alpaca(url, key=key, secret=secret, clock=clock, sleep=sleep, name=venue_of(section))
    if section.name == "angel-one":
        url = _allowed(section, section.url or smartapi.URL)
        if not section.instruments:
            raise BrokerNameError("Angel One needs TIDEMARK_BROKER__INSTRUMENTS: symbol,exchange,token,tradingsymbol")
        account = AngelAccount(
            api_key=_needed(section.angel_one_api_key, "angel_one_api_key"),
            client_code=_needed(section.angel_one_client_code, "angel_one_client_code"),
            pin=_needed(section.angel_one_pin, "angel_one_pin"),
            totp_secret=_needed(section.angel_one_totp_secret, "angel_one_totp_secret"),
        )
        instruments = read_instruments(Path(section.instruments))
        return AngelOne(url, instruments, account=account, clock=clock, sleep=sleep)
    return None


def _alpaca_url(section: BrokerSettings) -> str:
    return _allowed(section, section.url or (alpaca.LIVE_URL if section.live else alpaca.PAPER_URL))


def _allowed(section: BrokerSettings, url: str) -> str:
    """The address, where it is one of paper, of this machine, or real money was asked for."""
    if section.live or url.rstrip("/") in PAPER or _is_here(url):
        if not _is_here(url) and not url.startswith("https://"):
            raise BrokerNameError(f"{section.name} is not asked over {urlsplit(url).scheme}: keys travel with it")
        return url
    raise BrokerNameError(
        f"{urlsplit(url).hostname} trades with real money: say TIDEMARK_BROKER__LIVE=true if that is meant"
    )


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _needed(secret: SecretStr, name: str) -> SecretStr:
    if not secret.get_secret_value():
        raise BrokerNameError(f"TIDEMARK_BROKER__{name.upper()} is not set")
    return secret
