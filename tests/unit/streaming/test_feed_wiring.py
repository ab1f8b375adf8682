"""Providers by name from settings: all of them, in the wanted order, and nothing without its key."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from lakehouse.clock import SystemClock
from lakehouse.settings import MarketSettings, ProviderSettings, Settings
from streaming.feed.port import Provider
from streaming.feed.wiring import ProviderNameError, Wanted, guard, line, max_future_s, providers

KEYS = [name for name, field in ProviderSettings.model_fields.items() if isinstance(field.default, SecretStr)]
LIVE = ("finnhub", "alpha-vantage", "yahoo", "angel-one", "5paisa")


def settings(**more: object) -> Settings:
    keys = {name: SecretStr(f"word-of-{name}") for name in KEYS}
    return Settings(providers=ProviderSettings.model_validate({**keys, **more}), market=MarketSettings(calendar="XNYS"))


def made(found: Settings, *names: str, universe: str = "") -> tuple[Provider, ...]:
    return providers(found, Wanted(names=names, universe=universe), clock=SystemClock(), sleep=asyncio.sleep)


def test_every_live_provider_is_made_from_settings_with_its_calendar_and_shows_no_key(tmp_path: Path) -> None:
    path = tmp_path / "universe.csv"
    path.write_text("symbol,exchange,token\nRELIANCE,NSE,2885\n")
    found = made(settings(order=LIVE, universe=str(path)))

    assert [provider.name for provider in found] == list(LIVE)
    assert [provider.exchange for provider in found] == ["XNYS", "XNYS", "XNYS", "XBOM", "XBOM"]
    assert not any("word-of" in repr(vars(provider)) for provider in found)
    assert "word-of" not in repr(settings())
    assert guard(found) is not None
    assert list(line(found, settings(), clock=SystemClock(), sleep=asyncio.sleep).health()) == list(LIVE)


def test_played_ticks_are_not_disbelieved_and_a_provider_named_twice_is_one() -> None:
    found = made(settings(), "simulated", "simulated")
    assert [provider.name for provider in found] == ["simulated"]
    assert guard(found) is None


def test_only_what_is_replayed_may_lie_further_ahead_of_the_clock_than_live_prices(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("event_time,symbol,price\n2022-12-28T14:30:00Z,A,1.5\n")
    found = settings(max_future_s=4.0)
    wanted = Wanted(names=("replay",), files=(path,))

    assert max_future_s(made(found, "simulated"), found) == 4.0
    replayed = providers(found, wanted, clock=SystemClock(), sleep=asyncio.sleep)
    assert max_future_s(replayed, found) == found.landing.max_future_s == 300.0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("finnhub", "finnhub_key"),
        ("alpha-vantage", "alpha_vantage_key"),
        *(("angel-one", key) for key in KEYS if key.startswith("angel")),
        *(("5paisa", key) for key in KEYS if key.startswith("five")),
    ],
)
def test_a_provider_without_its_key_names_the_setting(name: str, key: str) -> None:
    with pytest.raises(ProviderNameError, match=f"TIDEMARK_PROVIDERS__{key.upper()}"):
        made(settings(**{key: SecretStr("")}), name, universe="AAPL")


@pytest.mark.parametrize(
    ("names", "universe", "said"),
    [
        ((), "", "no provider is named"),
        (("reuters",), "AAPL", "no provider reuters"),
        (("yahoo",), "", "--universe"),
        (("replay",), "", "--file"),
    ],
)
def test_what_is_missing_is_said(names: tuple[str, ...], universe: str, said: str) -> None:
    with pytest.raises(ProviderNameError, match=said):
        made(settings(), *names, universe=universe)
