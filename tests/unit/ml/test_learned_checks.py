"""Where a trained model is in use, checks take its score, keep the rules' explanation, and say which model it was."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from lakehouse.trading.observation import Observation
from ml.checks import fraud, identity, surveillance
from ml.checks.fraud import Attempt, FraudModel, FraudRecommendation
from ml.checks.identity import DocumentCheck, Person
from ml.checks.learned import Learned
from ml.features.customers import CUSTOMER_FEATURES, customer_features
from ml.features.payments import PAYMENT_FEATURES, payment_features
from ml.features.trades import TRADE_FEATURES, trade_features

NOON = datetime(2022, 12, 28, 12, tzinfo=UTC)
USUAL = Attempt(amount_minor=1_234, counterparty="a", at=NOON, balance_minor=10**6, unit_minor=100)
# Everything at once: all of the balance, to somebody new, at night, round, the twentieth within an hour.
WORST = Attempt(amount_minor=10**8, counterparty="b", at=NOON.replace(hour=3), balance_minor=10**8, unit_minor=100)
HASTE = [
    fraud.Paid(amount_minor=100, counterparty="a", at=WORST.at - timedelta(minutes=20 - place)) for place in range(20)
]


def said(score: float, source: str = "payment_fraud@3") -> Learned:
    return Learned(probability=score / 2, score=score, source=source)


@pytest.mark.parametrize(
    ("score", "asked"),
    [(0.1, FraudRecommendation.ALLOW), (0.7, FraudRecommendation.REVIEW), (0.9, FraudRecommendation.BLOCK)],
)
def test_a_model_gives_the_score_of_a_payment_and_is_named(score: float, asked: FraudRecommendation) -> None:
    found = fraud.assess(USUAL, (), learned=said(score))
    assert (found.score, found.recommendation, found.source) == (score, asked, "payment_fraud@3")
    assert (found.reasons[-1].rule, found.reasons[-1].points) == ("payment_fraud@3", round(100 * score))
    assert found.model is FraudModel.RULES


def test_a_model_lets_nothing_go_that_every_rule_speaks_against() -> None:
    assert fraud.assess(WORST, HASTE).recommendation is FraudRecommendation.BLOCK
    found = fraud.assess(WORST, HASTE, learned=said(0.0))
    assert found.recommendation is FraudRecommendation.BLOCK
    assert {"velocity", "balance_share", "payment_fraud@3"} <= {reason.rule for reason in found.reasons}


def test_a_model_lets_go_what_the_rules_alone_would_hold() -> None:
    held = Attempt(amount_minor=10**8 + 1, counterparty="b", at=NOON, balance_minor=10**8 + 1, unit_minor=100)
    history = [fraud.Paid(amount_minor=10**5, counterparty="a", at=NOON - timedelta(days=9 - day)) for day in range(5)]
    assert fraud.assess(held, history).recommendation is FraudRecommendation.REVIEW
    assert fraud.assess(held, history, learned=said(0.2)).recommendation is FraudRecommendation.ALLOW


def test_a_model_judges_orders_and_names_what_stands_out() -> None:
    orders = [
        Observation(at=NOON + timedelta(days=day), notional=1000 + day, quantity=10, price_deviation=0.0)
        for day in range(20)
    ]
    odd = Observation(at=NOON + timedelta(days=30), notional=90_000, quantity=900)
    found = surveillance.judge(odd, orders, said(0.8, "trade_surveillance@2"))
    assert (found.score, found.is_alert, found.told) == (0.8, True, "quantity by trade_surveillance@2")
    calm = surveillance.judge(odd, orders, said(0.2, "trade_surveillance@2"))
    assert (calm.is_alert, calm.told) == (False, "usual by trade_surveillance@2")
    assert surveillance.judge(odd, orders).told == "quantity"
    unknown = surveillance.judge(odd, orders[:3], said(0.8))
    assert (unknown.score, unknown.told) == (surveillance.UNKNOWN_SCORE, surveillance.INSUFFICIENT_HISTORY)


def test_a_model_scores_customers_beside_the_findings_of_the_rules() -> None:
    person = Person(email="a@example.com", name="Ada Example")
    today = date(2022, 12, 28)
    rules = identity.assess(person, today=today)
    found = identity.assess(person, today=today, learned=said(0.93, "identity_score@1"))
    assert (found.score, found.source, rules.source) == (0.93, "identity_score@1", "rules")
    assert found.findings[:-1] == rules.findings
    assert found.findings[-1].rule == "identity_score@1"


def test_features_of_a_payment_by_hand() -> None:
    past = [fraud.Paid(amount_minor=1000, counterparty="a", at=NOON - timedelta(minutes=30))] * 3
    attempt = Attempt(amount_minor=4000, counterparty="z", at=NOON, balance_minor=8000, unit_minor=100)
    found = dict(zip(PAYMENT_FEATURES, payment_features(attempt, past), strict=True))
    assert (found["over_median"], found["over_largest"], found["balance_share"], found["is_new"]) == (2, 2, 0.5, 1)
    assert found["day_share"] == pytest.approx(7000 / 11000)
    assert (found["hour_count"], found["pause"]) == pytest.approx((np.log(4), np.log(1801)))


def test_features_are_finite_at_the_edges() -> None:
    for attempt, past in ((USUAL, ()), (WORST, HASTE)):
        assert np.isfinite(payment_features(attempt, past)).all()
    same = Observation(at=NOON, notional=1e-9, quantity=1e-9)
    huge = Observation(at=NOON, notional=1e300, quantity=1e300, price_deviation=1e12)
    found = trade_features(huge, [same] * 10)
    assert np.isfinite(found).all()
    assert len(found) == len(TRADE_FEATURES)


def test_features_of_a_customer_hold_no_value_of_hers() -> None:
    person = Person(
        email="a@example.com",
        name="Ada Example",
        birth_date=date(1980, 1, 1),
        country="DE",
        document_country="FR",
        document_check=DocumentCheck.CHECKSUM_RIGHT,
        phone="1",
    )
    found = dict(zip(CUSTOMER_FEATURES, customer_features(person, today=date(2022, 12, 28)), strict=True))
    assert found == {
        "document_right": 1, "document_plausible": 0, "document_wrong": 0, "country_differs": 1,
        "of_age": 1, "email": 1, "name": 1, "details": 0.25,
    }  # fmt: skip
