"""Which broker settings make, and that real money is asked for in so many words."""

import asyncio
from pathlib import Path

import pytest

from lakehouse.clock import ManualClock
from lakehouse.settings import BrokerSettings
from streaming.broker.instruments import InstrumentsError, read_instruments
from streaming.broker.wiring import BrokerNameError, broker_of, venue_of

KEYS = {"alpaca_key": "secret-1", "alpaca_secret": "secret-2"}
ANGEL = {f"angel_one_{name}": "secret-3" for name in ("api_key", "client_code", "pin", "totp_secret")}
HEADER = "symbol,exchange,token,tradingsymbol\n"


def made(**values: object) -> object:
    return broker_of(BrokerSettings.model_validate(values), clock=ManualClock(), sleep=asyncio.sleep)


def test_without_a_name_there_is_no_broker_and_with_one_it_is_of_paper() -> None:
    assert made() is None
    broker = made(name="alpaca", **KEYS)
    assert "paper-api.alpaca.markets" in str(vars(broker)["_web"].client.base_url)


@pytest.mark.parametrize(
    ("values", "venue"),
    [
        ({}, ""),
        ({"name": "alpaca"}, "alpaca"),
        ({"name": "alpaca", "live": True}, "alpaca-live"),
        ({"name": "alpaca", "live": True, "url": "http://127.0.0.1:1"}, "alpaca"),
        ({"name": "alpaca", "live": True, "url": "https://paper-api.alpaca.markets/"}, "alpaca"),
        ({"name": "angel-one", "live": True}, "angel-one"),
    ],
)
def test_an_account_of_money_has_a_name_of_its_own(values: dict[str, object], venue: str) -> None:
    assert venue_of(BrokerSettings.model_validate(values)) == venue
    if venue.startswith("alpaca"):
        assert vars(made(**values, **KEYS))["name"] == venue


@pytest.mark.parametrize(
    "values",
    [
        {"name": "alpaca"},
        {"name": "alpaca", "alpaca_key": "secret-1"},
        {"name": "alpaca", "url": "https://api.alpaca.markets", **KEYS},
        {"name": "alpaca", "url": "http://broker.example", "live": True, **KEYS},
        {"name": "angel-one", **ANGEL},
        {"name": "angel-one", "live": True, **ANGEL},
    ],
)
def test_what_lacks_a_key_or_would_trade_with_real_money_unasked_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(BrokerNameError) as caught:
        made(**values)
    assert "secret" not in str(caught.value).replace("alpaca_secret", "").replace("ALPACA_SECRET", "")


def test_real_money_and_this_machine_are_possible_where_they_are_meant(tmp_path: Path) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(HEADER + "RELIANCE,NSE,2885,RELIANCE-EQ\n")
    assert made(name="alpaca", live=True, **KEYS) is not None
    assert made(name="alpaca", url="http://127.0.0.1:1", **KEYS) is not None
    assert made(name="angel-one", live=True, instruments=str(file), **ANGEL) is not None


@pytest.mark.parametrize(
    "rows", ["RELIANCE,NSE,2885\n", "A,NSE,1,A-EQ\nA,BSE,2,A\n", "A,NSE,1,A-EQ\nB,NSE,1,A-EQ\n", "A,NSE,,A-EQ\n"]
)
def test_a_file_of_instruments_that_is_not_clear_is_refused(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "instruments.csv"
    file.write_text(HEADER + rows)
    with pytest.raises(InstrumentsError):
        read_instruments(file)
