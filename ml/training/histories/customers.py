"""Made-up customers, each with what a review found later: a true identity, or one that was put together.

True identities have documents that check out, with typing errors and gaps; false ones are drawn from what a forger has:
numbers without a right check digit, countries that do not fit, throw-away mail. Both kinds overlap.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from ml.checks.identity import DocumentCheck, Person

FALSE_SHARE: Final = 0.08
_CHECKS: Final = (
    DocumentCheck.CHECKSUM_RIGHT,
    DocumentCheck.PLAUSIBLE,
    DocumentCheck.CHECKSUM_WRONG,
    DocumentCheck.MALFORMED,
    DocumentCheck.ABSENT,
)
_COUNTRIES: Final = ("DE", "ES", "FR", "PL", "SE")


@dataclass(frozen=True, slots=True)
class _Kind:
    """Shares of customers of a kind: of document checks, and of what fits."""

    checks: tuple[float, ...]
    same_country: float
    of_age: float
    real_mail: float
    two_names: float
    detail: float


TRUE_KIND: Final = _Kind((0.55, 0.33, 0.03, 0.02, 0.07), 0.92, 0.995, 0.97, 0.98, 0.85)
FALSE_KIND: Final = _Kind((0.12, 0.38, 0.20, 0.10, 0.20), 0.55, 0.88, 0.70, 0.88, 0.55)


@dataclass(frozen=True, slots=True)
class ReviewedCustomer:
    """A customer as known on `day`, and whether the review found the identity true."""

    day: date
    person: Person
    is_true: bool


def customer_histories(*, seed: int, customers: int, first: date, days: int) -> tuple[ReviewedCustomer, ...]:
    """Customers by day; the same for the same arguments."""
    random = np.random.default_rng(seed)
    when = np.sort(random.integers(0, days, size=customers))
    return tuple(_customer(random, first + timedelta(days=int(day))) for day in when)


def _customer(random: np.random.Generator, day: date) -> ReviewedCustomer:
    is_true = bool(random.random() >= FALSE_SHARE)
    kind = TRUE_KIND if is_true else FALSE_KIND
    check = _CHECKS[int(random.choice(len(_CHECKS), p=kind.checks))]
    country = str(random.choice(_COUNTRIES))
    other = _COUNTRIES[(_COUNTRIES.index(country) + 1) % len(_COUNTRIES)]
    issued = country if random.random() < kind.same_country else other
    years = float(random.uniform(19, 85)) if random.random() < kind.of_age else float(random.uniform(5, 17))
    line, city, code, phone = (each if random.random() < kind.detail else None for each in ("1 High St", "X", "1", "2"))
    person = Person(
        email="a@example.com" if random.random() < kind.real_mail else "a@nowhere.invalid",
        name="Ada Example" if random.random() < kind.two_names else "Ada",
        birth_date=day - timedelta(days=int(years * 365.25)),
        country=country,
        document_country=None if check is DocumentCheck.ABSENT else issued,
        document_check=check,
        address_line=line,
        city=city,
        postal_code=code,
        phone=phone,
    )
    return ReviewedCustomer(day, person, is_true)
