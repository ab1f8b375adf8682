"""The identity check: document numbers by their own rules, and the points of a customer."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ml.checks.identity import DocumentCheck, DocumentType, Person, assess, check_document, icao_check_digit

TODAY = date(2022, 12, 28)
FULL = Person(
    email="ana@bank.example",
    name="Ana Ruiz",
    birth_date=date(1980, 5, 17),
    country="ES",
    phone="+34600000000",
    address_line="Calle Mayor 1",
    city="Madrid",
    postal_code="28013",
    document_country="ES",
    document_check=DocumentCheck.CHECKSUM_RIGHT,
)
# The specimen of ICAO 9303 part 4, appendix A.
LINE = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.mark.parametrize(
    ("kind", "country", "number", "expected"),
    [
        ("passport", "UT", LINE, "checksum_right"),
        ("passport", "UT", LINE[:-1] + "1", "checksum_wrong"),
        ("passport", "UT", LINE.replace("740812", "740813"), "checksum_wrong"),
        ("passport", "UT", "L898902C36", "checksum_right"),
        ("passport", "UT", "L898902C37", "checksum_wrong"),
        ("passport", "UT", "l898902 c3", "plausible"),
        ("passport", "UT", "AB1", "malformed"),
        ("national_id", "ES", "12345678Z", "checksum_right"),
        ("national_id", "ES", "12345678-A", "checksum_wrong"),
        ("national_id", "ES", "X1234567L", "checksum_right"),
        ("national_id", "ES", "123", "malformed"),
        ("national_id", "PL", "44051401359", "checksum_right"),
        ("national_id", "PL", "44051401358", "checksum_wrong"),
        ("national_id", "SE", "811228-9874", "checksum_right"),
        ("national_id", "SE", "19811228-9874", "checksum_right"),
        ("national_id", "SE", "811228-9873", "checksum_wrong"),
        ("national_id", "DE", "T220001293", "checksum_right"),
        ("national_id", "FR", "880692310285", "plausible"),
        ("driving_licence", "ES", "12345678A", "plausible"),
        ("residence_permit", "ES", "!", "malformed"),
    ],
)
def test_a_number_is_judged_by_its_own_rules(kind: str, country: str, number: str, expected: str) -> None:
    assert check_document(DocumentType(kind), country, number) is DocumentCheck(expected)


def test_the_check_digit_is_that_of_icao_9303() -> None:
    assert [icao_check_digit(text) for text in ("L898902C3", "740812", "120415", "D23145890")] == [6, 2, 9, 7]


def test_all_that_fits_is_one_and_nothing_is_zero() -> None:
    assert assess(FULL, today=TODAY).score == 1.0
    assert assess(Person(email="a@b.invalid", name="X"), today=TODAY).score == 0.0


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"document_check": DocumentCheck.PLAUSIBLE}, 15),
        ({"document_check": DocumentCheck.CHECKSUM_WRONG}, 40),
        ({"document_country": "FR"}, 15),
        ({"country": None}, 15),
        ({"birth_date": date(2004, 12, 29)}, 15),
        ({"birth_date": date(2004, 12, 28)}, 0),
        ({"birth_date": date(1900, 1, 1)}, 15),
        ({"birth_date": date(2030, 1, 1)}, 15),
        ({"email": "ana@localhost"}, 10),
        ({"name": "Ana"}, 8),
        ({"phone": None, "city": None}, 6),
    ],
)
def test_each_rule_takes_its_points(changes: dict[str, Any], lost: int) -> None:
    changed = replace(FULL, **changes)
    assert assess(changed, today=TODAY).score == (100 - lost) / 100


def test_findings_hold_no_value_of_the_customer() -> None:
    text = str(assess(FULL, today=TODAY).findings)
    assert all(secret not in text for secret in ("ana@", "Ruiz", "1980", "+34", "Mayor", "28013"))
