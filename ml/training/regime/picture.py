"""What a training shows of itself in MLflow: the regimes of the frozen set, and how often quantiles held."""

from typing import TYPE_CHECKING

import numpy as np

from ml.inference.regime import forward_filter
from ml.training.pictures import beside, covered
from ml.training.regime.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def picture(made: Study) -> bytes:
    """A PNG: the filtered probability of each state by day beside the market, and the shares below quantiles."""
    tested = len(made.scores.losses)
    said = forward_filter(made.chain, made.moves.log_returns).probabilities[-tested:]
    days, moves = made.moves.days[-tested:], made.moves.log_returns[-tested:]

    def regimes(axes: "Axes") -> None:
        axes.stackplot(days, said.T, labels=[str(name) for name in made.chain.names], alpha=0.6)
        market = np.exp(np.cumsum(moves))
        axes.twinx().plot(days, market, color="black", linewidth=0.8)
        axes.set(title="Regimes as filtered, and the market", xlabel=f"{made.frozen.first} to {made.frozen.last}")
        axes.tick_params(axis="x", rotation=30)
        axes.legend(loc="lower left")

    return beside(regimes, covered(made.coverage))
