"""Providers by name, made from settings: the only module of the room that knows all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings
from streaming.feed.demo import SEED
from streaming.feed.port import Provider, Sleep
from streaming.feed.providers.replay import Replay
from streaming.feed.providers.simulated import Simulated
from streaming.feed.simulated import PROVIDER as SIMULATED

REPLAY = "replay"
_DAYS = 250
_TICKS_PER_DAY = 5_000


class ProviderNameError(TidemarkError):
    """No provider has this name, or it lacks what it needs."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run of the feed is asked for."""

    names: tuple[str, ...]
    universe: str = ""
    files: tuple[Path, ...] = ()
    speed: float | None = 1.0
    seed: int = SEED


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
    unknown = sorted(set(wanted.names) - set(_MAKERS))
    if unknown or not wanted.names:
        problem = f"no provider {', '.join(unknown)}" if unknown else "no provider is named"
        raise ProviderNameError(f"{problem}: say --provider NAME; there are {', '.join(sorted(_MAKERS))}")
    return tuple(_MAKERS[name](made) for name in wanted.names)


def _replay(made: Made) -> Provider:
    if not made.wanted.files:
        raise ProviderNameError("replay needs the files that it plays: say --file FILE")
    return Replay(made.wanted.files, provider=REPLAY, speed=made.wanted.speed, clock=made.clock, sleep=made.sleep)


def _simulated(made: Made) -> Provider:
    return Simulated(
        days=_DAYS,
        ticks_per_day=_TICKS_PER_DAY,
        seed=made.wanted.seed,
        speed=made.wanted.speed,
        clock=made.clock,
        sleep=made.sleep,
    )


_MAKERS: dict[str, Callable[[Made], Provider]] = {REPLAY: _replay, SIMULATED: _simulated}
