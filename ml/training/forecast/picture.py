"""What a training shows of itself in MLflow: losses against the baselines, and how often quantiles held."""

from io import BytesIO

import numpy as np

from ml.inference.forecast import LEVELS, NAME
from ml.training.forecast.study import Study


def picture(made: Study) -> bytes:
    """A PNG: the loss saved against each baseline, added up over the frozen set, and the shares below quantiles."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    gains, levels = figure.subplots(1, 2)
    ours = made.scores[NAME]
    for name, each in made.scores.items():
        if name != NAME:
            gains.plot(made.dates, np.cumsum(each.losses - ours.losses), label=f"against {name}")
    gains.axhline(0, color="grey", linewidth=0.5)
    gains.set(title="Pinball loss saved, added up (bps)", xlabel=f"{made.frozen.first} to {made.frozen.last}")
    gains.legend()
    wanted = [0.01, 0.05, 0.5]
    levels.bar([str(each) for each in wanted], [made.metrics[f"below_{int(each * 100):02d}"] for each in wanted])
    levels.scatter([str(each) for each in wanted], wanted, color="black", zorder=3, label="promised")
    levels.set(title=f"Returns below the quantile ({len(LEVELS)} levels forecast)")
    levels.legend()
    kept = BytesIO()
    figure.savefig(kept, format="png", metadata={"Software": None})
    return kept.getvalue()
