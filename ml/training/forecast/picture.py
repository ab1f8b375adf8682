"""What a training shows of itself in MLflow: losses against the baselines, and how often quantiles held."""

from typing import TYPE_CHECKING

import numpy as np

from ml.inference.forecast import NAME
from ml.training.forecast.study import Study
from ml.training.pictures import beside, covered

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def picture(made: Study) -> bytes:
    """A PNG: the loss saved against each baseline, added up over the frozen set, and the shares below quantiles."""
    ours = made.scores[NAME]

    def gains(axes: "Axes") -> None:
        for name, each in made.scores.items():
            if name != NAME:
                axes.plot(made.dates, np.cumsum(each.losses - ours.losses), label=f"against {name}")
        axes.axhline(0, color="grey", linewidth=0.5)
        axes.set(title="Pinball loss saved, added up (bps)", xlabel=f"{made.frozen.first} to {made.frozen.last}")
        axes.tick_params(axis="x", rotation=30)
        axes.legend()

    return beside(gains, covered(made.coverage))
