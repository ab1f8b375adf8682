"""What the identity model sees of a customer: what fits together and what does not, none of it by value."""

from datetime import date
from typing import Final

import numpy as np

from lakehouse.risk.checks import FloatArray
from ml.checks.identity import (
    AGE_POINTS,
    DETAIL_POINTS,
    EMAIL_POINTS,
    NAME_POINTS,
    DocumentCheck,
    Person,
    assess,
)

CUSTOMER_FEATURES: Final = (
    "document_right",
    "document_plausible",
    "document_wrong",
    "country_differs",
    "of_age",
    "email",
    "name",
    "details",
)
INFORMATION: Final = tuple(name for name in CUSTOMER_FEATURES if name not in {"document_wrong", "country_differs"})
"""Features that speak for a customer: none of them may lower a score."""
_WRONG = (DocumentCheck.MALFORMED, DocumentCheck.CHECKSUM_WRONG)


def customer_features(person: Person, *, today: date) -> FloatArray:
    """(8,) CUSTOMER_FEATURES, each in [0, 1]: the rules' findings, and what the document's number says."""
    points = {found.rule: found.points for found in assess(person, today=today).findings}
    check, countries = person.document_check, (person.country, person.document_country)
    return np.array(
        [
            float(check is DocumentCheck.CHECKSUM_RIGHT),
            float(check is DocumentCheck.PLAUSIBLE),
            float(check in _WRONG),
            float(None not in countries and person.country != person.document_country),
            points["age"] / AGE_POINTS,
            points["email"] / EMAIL_POINTS,
            points["name"] / NAME_POINTS,
            points["completeness"] / (4 * DETAIL_POINTS),
        ]
    )
