"""Providers by name, made from settings: the only module of the room that knows all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import SystemRandom

from pydantic import SecretStr

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from streaming.feed.demo import SEED
from streaming.feed.line import Line, Patience
from streaming.feed.policy.plausibility import Guard
from streaming.feed.port import Provider
from streaming.feed.providers import alpha_vantage, finnhub, five_paisa, yahoo
from streaming.feed.providers.alpha_vantage import AlphaVantage
from streaming.feed.providers.angel_one import AngelOne
from streaming.feed.providers.finnhub import Finnhub
from streaming.feed.providers.five_paisa import FivePaisa, FivePaisaAccount
from streaming.feed.providers.paced import Paced
from streaming.feed.providers.replay import Replay
from streaming.feed.providers.simulated import Simulated
from streaming.feed.providers.yahoo import Yahoo
from streaming.feed.simulated import PROVIDER as SIMULATED
from streaming.feed.universe import Instrument, universe
from streaming.kit import smartapi
from streaming.kit.remote import Sleep
from streaming.kit.smartapi import AngelAccount

REPLAY = "replay"
_TICKS_PER_DAY = 5_000


class ProviderNameError(TidemarkError):
    """No provider has this name, or it lacks what it needs."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run of the feed is asked for; `days` are those of a simulation, the last ones of its closes."""

    names: tuple[str, ...]
    universe: str = ""
    files: tuple[Path, ...] = ()
    speed: float | None = 1.0
    seed: int = SEED
    days: int = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a provider is made of."""

    settings: Settings
    wanted: Wanted
    clock: Clock
    sleep: Sleep


def providers(settings: Settings, wanted: Wanted, *, clock: Clock, sleep: Sleep) -> tuple[Provider, ...]:
    """The wanted providers in order of preference. Raises ProviderNameError, and what a provider raises when made."""
    made = Made(settings=settings, wanted=wanted, clock=clock, sleep=sleep)
    names = wanted.names or settings.providers.order
    unknown = sorted(set(names) - set(_MAKERS))
    if unknown or not names:
        problem = f"no provider {', '.join(unknown)}" if unknown else "no provider is named"
        raise ProviderNameError(f"{problem}: say --provider NAME; there are {', '.join(sorted(_MAKERS))}")
    return tuple(_MAKERS[name](made) for name in dict.fromkeys(names))


def line(made: Sequence[Provider], settings: Settings, *, clock: Clock, sleep: Sleep) -> Line:
    """The providers as one, by the settings' patience."""
    section = settings.providers
    patience = Patience(silent_s=section.silent_after_s, demo=section.demo_mode)
    return Line(made, patience=patience, clock=clock, sleep=sleep, draw=SystemRandom().random)


def max_future_s(made: Sequence[Provider], settings: Settings) -> float:
    """How far ahead of the clock a tick's time may lie: replayed files keep their times, which the lander judges."""
    is_replay = all(isinstance(provider, Replay) for provider in made)
    return settings.landing.max_future_s if is_replay else settings.providers.max_future_s


def guard(made: Sequence[Provider]) -> Guard | None:
    """The check of plausibility for live prices; played ones are sent as they are."""
    return None if all(isinstance(provider, Paced) for provider in made) else Guard()


def _replay(made: Made) -> Provider:
    if not made.wanted.files:
        raise ProviderNameError("replay needs the files that it plays: say --file FILE")
    return Replay(made.wanted.files, provider=REPLAY, speed=made.wanted.speed, clock=made.clock, sleep=made.sleep)


def _simulated(made: Made) -> Provider:
    return Simulated(
        days=made.wanted.days,
        ticks_per_day=_TICKS_PER_DAY,
        seed=made.wanted.seed,
        speed=made.wanted.speed,
        clock=made.clock,
        sleep=made.sleep,
    )


def _finnhub(made: Made) -> Provider:
    key = _needed(made.settings.providers.finnhub_key, "finnhub_key")
    return Finnhub(_symbols(made), key=key, clock=made.clock, sleep=made.sleep, exchange=made.settings.market.calendar)


def _alpha_vantage(made: Made) -> Provider:
    section = made.settings.providers
    return AlphaVantage(
        _symbols(made),
        key=_needed(section.alpha_vantage_key, "alpha_vantage_key"),
        clock=made.clock,
        sleep=made.sleep,
        exchange=made.settings.market.calendar,
        demo=section.demo_mode,
    )


def _yahoo(made: Made) -> Provider:
    return Yahoo(
        _symbols(made),
        clock=made.clock,
        sleep=made.sleep,
        exchange=made.settings.market.calendar,
        demo=made.settings.providers.demo_mode,
    )


def _angel_one(made: Made) -> Provider:
    section = made.settings.providers
    account = AngelAccount(
        api_key=_needed(section.angel_one_api_key, "angel_one_api_key"),
        client_code=_needed(section.angel_one_client_code, "angel_one_client_code"),
        pin=_needed(section.angel_one_pin, "angel_one_pin"),
        totp_secret=_needed(section.angel_one_totp_secret, "angel_one_totp_secret"),
    )
    return AngelOne(_instruments(made), account=account, clock=made.clock, sleep=made.sleep)


def _five_paisa(made: Made) -> Provider:
    section = made.settings.providers
    account = FivePaisaAccount(
        key=_needed(section.five_paisa_key, "five_paisa_key"),
        client_code=_needed(section.five_paisa_client_code, "five_paisa_client_code"),
        access_token=_needed(section.five_paisa_access_token, "five_paisa_access_token"),
    )
    return FivePaisa(_instruments(made), account=account, clock=made.clock, sleep=made.sleep)


def _needed(secret: SecretStr, name: str) -> SecretStr:
    if not secret.get_secret_value():
        raise ProviderNameError(f"TIDEMARK_PROVIDERS__{name.upper()} is empty: this provider needs it")
    return secret


def _instruments(made: Made) -> tuple[Instrument, ...]:
    text = made.wanted.universe or made.settings.providers.universe
    if not text:
        raise ProviderNameError("no symbols: say --universe AAPL,MSFT or --universe FILE.csv")
    return universe(text)


def _symbols(made: Made) -> tuple[str, ...]:
    return tuple(instrument.symbol for instrument in _instruments(made))


_MAKERS: dict[str, Callable[[Made], Provider]] = {
    REPLAY: _replay,
    SIMULATED: _simulated,
    finnhub.NAME: _finnhub,
    alpha_vantage.NAME: _alpha_vantage,
    yahoo.NAME: _yahoo,
    smartapi.NAME: _angel_one,
    five_paisa.NAME: _five_paisa,
}
