"""What is particular to payment fraud."""

from typing import Final

from lakehouse.risk.checks import FloatArray
from lakehouse.stores.scores import Scored
from ml.checks.fraud import BLOCK_AT, REVIEW_AT
from ml.evaluation.gate import Floor
from ml.features.payments import PAYMENT_FEATURES
from ml.inference.scorer import Kind
from ml.training.check import CheckModel, Size
from ml.training.fraud.sample import payments
from ml.training.scoring import Plan, threshold

REVIEW_RATE: Final = 0.01
BLOCK_RATE: Final = 0.001
LEAST_BLOCK: Final = 0.5
"""A payment is never stopped that is more likely honest than not."""


def anchors(probabilities: FloatArray) -> tuple[tuple[float, float], ...]:
    """One payment in a hundred is looked at, one in a thousand stopped, and none below a probability of a half."""
    review = min(0.49, max(1e-6, threshold(probabilities, REVIEW_RATE)))
    block = min(0.999, max(LEAST_BLOCK, threshold(probabilities, BLOCK_RATE)))
    return ((0.0, 0.0), (review, REVIEW_AT), (block, BLOCK_AT), (1.0, 1.0))


SPEC: Final = CheckModel(
    name="payment_fraud",
    generator="generated.payments",
    generate=payments,
    features=PAYMENT_FEATURES,
    kinds=(Kind.LINEAR, Kind.FOREST, Kind.BOOSTED),
    plan=Plan(review_rate=REVIEW_RATE),
    anchors=anchors,
    scored=Scored.PAYMENTS,
    floors=(
        Floor(metric="average_precision", at_least=0.4, why="frauds ranked above honest payments"),
        Floor(metric="recall_at_review", at_least=0.5, why="frauds among the 1 % that people look at"),
        Floor(metric="calibration_error", at_most=0.02, why="probabilities that mean what they say"),
        Floor(metric="gain_over_rules", at_least=0.0, why="better than the rules it takes the place of"),
    ),
)
SIZE: Final = Size(accounts=100, frozen_accounts=60)
