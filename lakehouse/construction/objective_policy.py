"""The policy of a portfolio that has an objective and no policy of its own: how much loss its owner bears says it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Aim, Frequency, Policy, standard_aims
from lakehouse.construction.regime import Regime

AIMS: Final[Mapping[str, Mapping[Regime, Aim]]] = MappingProxyType(
    {
        "conservative": {
            Regime.BULL: Aim(Objective.RISK_PARITY, cash=0.1, max_weight=0.2),
            Regime.SIDEWAYS: Aim(Objective.MIN_VARIANCE, cash=0.2, max_weight=0.2),
            Regime.BEAR: Aim(Objective.MEAN_CVAR, cash=0.5, max_weight=0.2),
        },
        "moderate": standard_aims(),
        "aggressive": {
            Regime.BULL: Aim(Objective.MAX_SHARPE, max_weight=0.5),
            Regime.SIDEWAYS: Aim(Objective.MAX_SHARPE, max_weight=0.35),
            Regime.BEAR: Aim(Objective.RISK_PARITY, cash=0.15),
        },
    }
)
"""By risk tolerance: more is kept back, and spread wider, the less loss is borne, and the more so when markets fall."""


def policy_for(risk_tolerance: str, frequency: Frequency, universe: tuple[str, ...]) -> Policy:
    """The policy for an owner of this tolerance (conservative, moderate, aggressive), who may buy `universe`.

    Raises KeyError for another word. The objective's own limits are set into it afterwards.
    """
    return Policy(frequency=frequency, aims=AIMS[risk_tolerance], universe=universe)
