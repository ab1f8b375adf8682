"""Pictures that a training leaves with its run in MLflow: the same numbers give the same bytes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lakehouse.backtest.png import figure, png
from lakehouse.risk.checks import FloatArray
from ml.evaluation.calibration import Coverage, ReliabilityBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Panel = Callable[[Axes], None]


def beside(*panels: "Panel") -> bytes:
    """The panels beside each other, as PNG."""
    drawn = figure(5 * len(panels), 4)
    for axes, draw in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axes)
    return png(drawn)


def covered(found: Sequence[Coverage]) -> "Panel":
    """How often outcomes stayed below each quantile, beside what it promised."""

    def draw(axes: "Axes") -> None:
        levels = [f"{each.level:g}" for each in found]
        axes.bar(levels, [each.observed for each in found])
        axes.scatter(levels, [each.level for each in found], color="black", zorder=3, label="promised")
        axes.set(title="Returns below each quantile", xlabel="level")
        axes.legend()

    return draw


def reliable(table: Sequence[ReliabilityBin]) -> "Panel":
    """How often what was foretold has happened: on the diagonal where probabilities mean what they say."""

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
        axes.plot([each.forecast for each in table], [each.frequency for each in table], marker="o")
        for each in table:
            axes.annotate(str(each.count), (each.forecast, each.frequency), fontsize=7)
        axes.set(title="Calibration (number of cases)", xlabel="probability said", ylabel="share that happened")

    return draw


def ranked(labels: FloatArray, scores: dict[str, FloatArray]) -> "Panel":
    """Precision over recall of each of `scores` (n,) against `labels` (n,) of 0 or 1."""
    from sklearn.metrics import precision_recall_curve

    def draw(axes: "Axes") -> None:
        for name, said in scores.items():
            precision, recall, _ = precision_recall_curve(labels, said)
            axes.step(recall, precision, where="post", label=name)
        axes.set(title="What is found, and how much of it is right", xlabel="recall", ylabel="precision")
        axes.legend()

    return draw
