"""Every strategy by name, and its parameters from text."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, get_type_hints

from lakehouse.backtest.strategies.buy_and_hold import BuyAndHold
from lakehouse.backtest.strategies.kit import BadParameter, Strategy
from lakehouse.backtest.strategies.mean_reversion import MeanReversion
from lakehouse.backtest.strategies.momentum import Momentum
from lakehouse.backtest.strategies.moving_average import MovingAverageCross
from lakehouse.backtest.strategies.pairs import Pairs
from lakehouse.backtest.strategies.rebalance import Rebalance
from lakehouse.backtest.strategies.regime_policy import RegimePolicy
from lakehouse.backtest.strategies.volatility_target import VolatilityTarget

Kind = type[
    BuyAndHold | MovingAverageCross | Momentum | MeanReversion | VolatilityTarget | Pairs | Rebalance | RegimePolicy
]
Value = str | int | float

STRATEGIES: Final[Mapping[str, Kind]] = {
    "buy_and_hold": BuyAndHold,
    "moving_average_cross": MovingAverageCross,
    "momentum": Momentum,
    "mean_reversion": MeanReversion,
    "volatility_target": VolatilityTarget,
    "pairs": Pairs,
    "rebalance": Rebalance,
    "regime_policy": RegimePolicy,
}
SIGNALS: Final = "signals"
"""The strategy that has a file in place of parameters."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a strategy and its default."""

    name: str
    default: Value


def parameters(name: str) -> tuple[Parameter, ...]:
    """What the strategy can be told. Raises BadParameter for a name that there is not."""
    return tuple(Parameter(each.name, _plain(each.default)) for each in fields(_kind(name)))


def summary(name: str) -> str:
    """What the strategy does, in a sentence or two."""
    return " ".join((_kind(name).__doc__ or "").split())


def build(name: str, told: Mapping[str, str]) -> Strategy:
    """The strategy called `name` with parameters as text, the others at their defaults. Raises BadParameter."""
    kind = _kind(name)
    types = get_type_hints(kind)
    if unknown := sorted(set(told) - {each.name for each in fields(kind)}):
        listed = ", ".join(f"{each.name}={each.default}" for each in parameters(name))
        raise BadParameter(f"{name} has no parameter {', '.join(unknown)}: it has {listed}")
    try:
        return kind(**{key: types[key](value) for key, value in told.items()})
    except ValueError as error:
        raise BadParameter(f"{name}: {error}") from error


def document(strategy: Strategy) -> dict[str, Value]:
    """The parameters of a strategy of this registry, as plain values."""
    kind = type(strategy)
    return {each.name: _plain(getattr(strategy, each.name)) for each in fields(_registered(kind))}


def _kind(name: str) -> Kind:
    if name not in STRATEGIES:
        raise BadParameter(f"no strategy {name!r}: there are {', '.join([*STRATEGIES, SIGNALS])}")
    return STRATEGIES[name]


def _registered(kind: type) -> Kind:
    for found in STRATEGIES.values():
        if found is kind:
            return found
    raise BadParameter(f"{kind.__name__} is in no registry")


def _plain(value: object) -> Value:
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, str | int | float):
        return value
    raise BadParameter(f"{value!r} is no value of a parameter")
