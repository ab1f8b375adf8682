"""What the database refuses is an answer of the API, never an invalid request or a failure."""

from psycopg.errors import CheckViolation, NumericValueOutOfRange

from serving.kit.constraints import refusal_of


def test_a_number_that_does_not_fit_is_refused_like_a_broken_rule() -> None:
    found = refusal_of(NumericValueOutOfRange("numeric field overflow"))
    assert (found.status, found.code) == (409, "number_too_large")
    assert "numeric" not in found.detail
    assert refusal_of(CheckViolation()).code == "rule_broken"
