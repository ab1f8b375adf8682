"""What is particular to the identity score: it is the probability that a review finds the identity true."""

from typing import Final

from lakehouse.risk.checks import FloatArray
from lakehouse.stores.scores import Scored
from ml.evaluation.gate import Floor
from ml.features.customers import CUSTOMER_FEATURES, INFORMATION
from ml.inference.scorer import Kind
from ml.training.check import CheckModel, Size
from ml.training.identity.sample import customers
from ml.training.scoring import Plan


def anchors(_: FloatArray) -> tuple[tuple[float, float], ...]:
    """The score is the probability."""
    return ((0.0, 0.0), (1.0, 1.0))


SPEC: Final = CheckModel(
    name="identity_score",
    generator="generated.customers",
    generate=customers,
    features=CUSTOMER_FEATURES,
    kinds=(Kind.LINEAR,),
    plan=Plan(review_rate=0.9, review_cost=0.5),
    anchors=anchors,
    scored=Scored.CUSTOMERS,
    floors=(
        Floor(metric="average_precision", at_least=0.95, why="true identities ranked above false ones"),
        Floor(metric="brier_skill", at_least=0.2, why="better than always saying the base rate"),
        Floor(metric="calibration_error", at_most=0.05, why="probabilities that mean what they say"),
        Floor(metric="gain_over_rules", at_least=0.0, why="better than the rules it takes the place of"),
        Floor(metric="least_rising_weight", at_least=0.0, why="information that fits never lowers a score"),
    ),
    rising=INFORMATION,
)
SIZE: Final = Size(accounts=6000, frozen_accounts=3000)
