"""Generated payments as the fraud model learns from them."""

from collections.abc import Iterator
from datetime import date

from ml.checks.fraud import assess
from ml.features.payments import MAX_PAST, payment_features
from ml.training.histories.payments import AccountPayments, payment_histories
from ml.training.scoring import Case, Sample, sample_of


def payments(*, seed: int, accounts: int, first: date, days: int) -> Sample:
    """Every payment with what the account had paid before it. A stake is the payment's share of the balance."""
    found = payment_histories(seed=seed, accounts=accounts, first=first, days=days)
    return sample_of(case for account in found for case in _cases(account))


def _cases(account: AccountPayments) -> Iterator[Case]:
    past = account.past(len(account.attempts))
    for place, attempt in enumerate(account.attempts):
        known = past[max(0, place - MAX_PAST) : place]
        yield Case(
            payment_features(attempt, known),
            place in account.frauds,
            attempt.at,
            attempt.amount_minor / attempt.balance_minor,
            assess(attempt, known).score,
        )
