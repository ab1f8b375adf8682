"""Whatever is asked, scores stay in [0, 1], and more of what a rule looks for never lowers them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, strategies as st

from ml.checks import fraud, identity
from ml.checks.fraud import Attempt, Paid
from ml.checks.identity import DocumentCheck, DocumentType, Person

MINOR = st.integers(1, 2**63 - 1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOMENT = st.integers(0, 10**9).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
PAST = st.lists(st.builds(Paid, amount_minor=MINOR, counterparty=st.sampled_from("abc"), at=MOMENT), max_size=40).map(
    lambda past: sorted(past, key=lambda each: each.at)
)
ATTEMPT = st.builds(
    Attempt,
    amount_minor=MINOR,
    counterparty=st.sampled_from("abcd"),
    at=MOMENT,
    balance_minor=st.integers(0, 2**63 - 1),
    unit_minor=st.sampled_from((1, 100, 1000)),
)
PERSON = st.builds(
    Person,
    email=st.text(max_size=30),
    name=st.text(max_size=30),
    birth_date=st.none() | st.dates(),
    country=st.none() | st.sampled_from(("ES", "PL")),
    document_country=st.none() | st.sampled_from(("ES", "PL")),
    document_check=st.sampled_from(DocumentCheck),
)


class Unusual:
    """A forest that answers what it is told."""

    def __init__(self, anomaly: float) -> None:
        self.told = anomaly

    def anomaly(self, features: object) -> float:
        return self.told


@given(ATTEMPT, PAST, st.none() | st.floats(-5, 5))
def test_fraud_scores_stay_in_range_and_are_repeatable(attempt: Attempt, past: list[Paid], told: float | None) -> None:
    forest = None if told is None else Unusual(told)
    verdict = fraud.assess(attempt, past, forest)
    assert 0 <= verdict.score <= 1
    assert verdict == fraud.assess(attempt, past, forest)
    assert verdict.recommendation is fraud.recommendation_of(verdict.score)
    assert all(0 <= reason.points <= 100 for reason in verdict.reasons)


@given(ATTEMPT, PAST, st.integers(1, 40))
def test_more_payments_just_before_never_lower_the_velocity(attempt: Attempt, past: list[Paid], more: int) -> None:
    burst = [Paid(amount_minor=attempt.amount_minor, counterparty=attempt.counterparty, at=attempt.at)]
    few, many = (fraud.assess(attempt, past + burst * count) for count in (more, more + 1))
    assert few.score <= many.score


@given(ATTEMPT, PAST)
def test_a_smaller_balance_never_lowers_the_score(attempt: Attempt, past: list[Paid]) -> None:
    poorer = replace(attempt, balance_minor=attempt.balance_minor // 2)
    assert fraud.assess(attempt, past).score <= fraud.assess(poorer, past).score


@given(ATTEMPT, PAST, st.floats(0, 1), st.floats(0, 1))
def test_a_greater_anomaly_never_lowers_the_score(attempt: Attempt, past: list[Paid], one: float, two: float) -> None:
    low, high = sorted((one, two))
    scores = [fraud.assess(attempt, past, Unusual(told)).score for told in (low, high)]
    assert scores == sorted(scores)


@given(ATTEMPT, PAST)
def test_the_window_depends_on_the_past_alone(attempt: Attempt, past: list[Paid]) -> None:
    later = Paid(amount_minor=1, counterparty="z", at=attempt.at + timedelta(days=9999))
    window = fraud.training_window(past)
    assert len(past) % fraud.FOREST_STEP == fraud.FOREST_STEP - 1 or fraud.training_window([*past, later]) == window


@given(PERSON, st.dates())
def test_identity_scores_stay_in_range_and_details_never_lower_them(person: Person, today: date) -> None:
    before = identity.assess(person, today=today).score
    after = identity.assess(replace(person, phone="+1", city="x"), today=today).score
    assert 0 <= before <= after <= 1


@given(st.sampled_from(DocumentType), st.sampled_from(("ES", "PL", "SE", "DE", "FR")), st.text(max_size=50))
def test_any_text_may_be_offered_as_a_document(kind: DocumentType, country: str, number: str) -> None:
    assert identity.check_document(kind, country, number) in DocumentCheck
