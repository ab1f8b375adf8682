"""What the surveillance model sees of an order: how far it lies from the account's habits, in logarithms."""

from collections.abc import Sequence
from math import log1p
from typing import Final

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.trading.observation import Observation
from ml.checks.surveillance import z_scores

BASE: Final = ("notional", "quantity", "price_deviation", "frequency")
MAX_Z: Final = 1e6
TRADE_FEATURES: Final = (*BASE, "away_and_often", "large_and_away")


def trade_features(order: Observation, history: Sequence[Observation]) -> FloatArray:
    """(6,) TRADE_FEATURES of an order after a `history` of at least one, always finite.

    log(1 + z) of each robust deviation above 0, and two products: prices away from the market in quick succession
    are what layering looks like, size at a price away from it what an error or a painted price does.
    """
    z = z_scores(order, history)
    notional, quantity, away, often = (log1p(min(MAX_Z, max(0.0, z[name]))) for name in BASE)
    return np.array([notional, quantity, away, often, away * often, notional * away])
