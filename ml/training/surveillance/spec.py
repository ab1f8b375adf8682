"""What is particular to trade surveillance."""

from typing import Final

from lakehouse.risk.checks import FloatArray
from lakehouse.stores.scores import Scored
from ml.checks.surveillance import ALERT_SCORE
from ml.evaluation.gate import Floor
from ml.features.trades import TRADE_FEATURES
from ml.inference.scorer import Kind
from ml.training.check import CheckModel, Size
from ml.training.scoring import Plan, threshold
from ml.training.surveillance.sample import orders

ALERT_RATE: Final = 0.02


def anchors(probabilities: FloatArray) -> tuple[tuple[float, float], ...]:
    """Two orders in a hundred are alerts."""
    return ((0.0, 0.0), (min(0.999, max(1e-6, threshold(probabilities, ALERT_RATE))), ALERT_SCORE), (1.0, 1.0))


SPEC: Final = CheckModel(
    name="trade_surveillance",
    generator="generated.orders",
    generate=orders,
    features=TRADE_FEATURES,
    kinds=(Kind.LINEAR, Kind.FOREST, Kind.BOOSTED),
    plan=Plan(review_rate=ALERT_RATE),
    anchors=anchors,
    scored=Scored.ORDERS,
    floors=(
        Floor(metric="average_precision", at_least=0.5, why="abuses ranked above honest orders"),
        Floor(metric="recall_at_review", at_least=0.5, why="abuses among the 2 % that are alerts"),
        Floor(metric="calibration_error", at_most=0.03, why="probabilities that mean what they say"),
        Floor(metric="gain_over_rules", at_least=0.0, why="better than the rules it takes the place of"),
    ),
)
SIZE: Final = Size(accounts=100, frozen_accounts=60)
