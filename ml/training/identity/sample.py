"""Generated customers as the identity model learns from them."""

from datetime import UTC, date, datetime, time

from ml.checks.identity import assess
from ml.features.customers import customer_features
from ml.training.histories.customers import ReviewedCustomer, customer_histories
from ml.training.scoring import Case, Sample, sample_of


def customers(*, seed: int, accounts: int, first: date, days: int) -> Sample:
    """`accounts` customers; the label is 1 where the review found the identity true. Every customer has the stake 1."""
    found = customer_histories(seed=seed, customers=accounts, first=first, days=days)
    return sample_of(map(_case, found))


def _case(found: ReviewedCustomer) -> Case:
    return Case(
        customer_features(found.person, today=found.day),
        found.is_true,
        datetime.combine(found.day, time(), UTC),
        1.0,
        assess(found.person, today=found.day).score,
    )
