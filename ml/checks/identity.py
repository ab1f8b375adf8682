"""How well what is known of a customer fits together: documented rules, points of 100, no network, no model.

| rule | points |
| --- | --- |
| document number with a right check digit / of a plausible shape | 40 / 25 |
| document issued by the country of residence | 15 |
| age between 18 and 110 | 15 |
| e-mail at a real-looking domain | 10 |
| name of two words or more | 8 |
| address line, town, postal code, phone | 3 each |

More information that fits never lowers the score. A score is no proof of identity: it says where a person should look.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ml.checks.learned import RULES, Learned

RIGHT_POINTS = 40
PLAUSIBLE_POINTS = 25
COUNTRY_POINTS = 15
AGE_POINTS = 15
EMAIL_POINTS = 10
NAME_POINTS = 8
DETAIL_POINTS = 3
ADULT, OLDEST = 18, 110

_EMAIL = re.compile(r"[^@\s]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_NOWHERE = (".invalid", ".localhost", ".local", ".test")


class DocumentType(StrEnum):
    """Documents that prove an identity."""

    PASSPORT = "passport"
    NATIONAL_ID = "national_id"
    DRIVING_LICENCE = "driving_licence"
    RESIDENCE_PERMIT = "residence_permit"


class DocumentCheck(StrEnum):
    """What a document number's own rules say about it."""

    ABSENT = "absent"
    MALFORMED = "malformed"
    CHECKSUM_WRONG = "checksum_wrong"
    PLAUSIBLE = "plausible"
    CHECKSUM_RIGHT = "checksum_right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of a customer; of a document only what its check said and who issued it."""

    email: str
    name: str
    birth_date: date | None = None
    country: str | None = None
    phone: str | None = None
    address_line: str | None = None
    city: str | None = None
    postal_code: str | None = None
    document_country: str | None = None
    document_check: DocumentCheck = DocumentCheck.ABSENT


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, the points of 100 that it gave, and what it saw."""

    rule: str
    points: int
    detail: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The score in [0, 1] and what it was made of. `source` is rules, or NAME@VERSION of the trained model."""

    score: float
    findings: tuple[Finding, ...]
    source: str = RULES


def assess(person: Person, *, today: date, learned: Learned | None = None) -> Identity:
    """Score a customer: by what a trained model has `learned` where there is one, by points otherwise.

    Pure; findings hold no value of the customer's. Those of the rules explain either score.
    """
    findings = (
        _document(person),
        _country(person),
        _age(person, today),
        _email(person),
        Finding("name", NAME_POINTS if len(person.name.split()) > 1 else 0, "name of two words or more"),
        _details(person),
    )
    if learned is None:
        return Identity(sum(each.points for each in findings) / 100, findings)
    said = Finding(learned.source, round(100 * learned.score), f"a probability of {learned.probability:.4f} to be true")
    return Identity(round(learned.score, 4), (*findings, said), learned.source)


def _document(person: Person) -> Finding:
    points = {DocumentCheck.CHECKSUM_RIGHT: RIGHT_POINTS, DocumentCheck.PLAUSIBLE: PLAUSIBLE_POINTS}
    return Finding("document", points.get(person.document_check, 0), f"number {person.document_check.value}")


def _country(person: Person) -> Finding:
    if person.country is None or person.document_country is None:
        return Finding("country_match", 0, "residence or document unknown")
    fits = person.country == person.document_country
    return Finding("country_match", COUNTRY_POINTS * fits, "same country" if fits else "another country's document")


def _age(person: Person, today: date) -> Finding:
    if person.birth_date is None:
        return Finding("age", 0, "day of birth unknown")
    born = person.birth_date
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if ADULT <= age <= OLDEST:
        return Finding("age", AGE_POINTS, "of age")
    return Finding("age", 0, "not of age" if age < ADULT else "older than anybody")


def _email(person: Person) -> Finding:
    fits = bool(_EMAIL.fullmatch(person.email)) and not person.email.lower().endswith(_NOWHERE)
    return Finding("email", EMAIL_POINTS * fits, "domain looks real" if fits else "no domain that could receive mail")


def _details(person: Person) -> Finding:
    given = sum(bool(each) for each in (person.address_line, person.city, person.postal_code, person.phone))
    return Finding("completeness", DETAIL_POINTS * given, f"{given} of 4: address line, town, postal code, phone")


# --- document numbers ---------------------------------------------------------------------------------------------

_ICAO_WEIGHTS = (7, 3, 1)
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_SHAPES: Final[dict[DocumentType, re.Pattern[str]]] = {
    DocumentType.PASSPORT: re.compile(r"[A-Z0-9]{6,9}"),
    DocumentType.NATIONAL_ID: re.compile(r"[A-Z0-9]{5,20}"),
    DocumentType.DRIVING_LICENCE: re.compile(r"[A-Z0-9]{5,20}"),
    DocumentType.RESIDENCE_PERMIT: re.compile(r"[A-Z0-9]{5,20}"),
}
_PASSPORT_LINE = re.compile(
    r"(?P<number>[A-Z0-9<]{9})(?P<number_check>[0-9])[A-Z<]{3}(?P<birth>[0-9]{6})(?P<birth_check>[0-9])[MFX<]"
    r"(?P<expiry>[0-9]{6})(?P<expiry_check>[0-9])[A-Z0-9<]{14}[0-9<](?P<all_check>[0-9])"
)


def check_document(kind: DocumentType, country: str, number: str) -> DocumentCheck:
    """What the number's own rules say; blanks and hyphens do not count, nor does case.

    Checked by digit: a passport's second machine-readable line (44 characters) or its number with the check digit,
    and the national numbers of Spain, Poland, Sweden and Germany. Of the others only the shape is known.
    """
    plain = re.sub(r"[\s-]", "", number).upper()
    rule = _passport if kind is DocumentType.PASSPORT else _national(kind, country)
    if rule is not None:
        verdict = rule(plain)
        if verdict is not None:
            return DocumentCheck.CHECKSUM_RIGHT if verdict else DocumentCheck.CHECKSUM_WRONG
        if kind is DocumentType.NATIONAL_ID:
            return DocumentCheck.MALFORMED
    return DocumentCheck.PLAUSIBLE if _SHAPES[kind].fullmatch(plain) else DocumentCheck.MALFORMED


def icao_check_digit(text: str) -> int:
    """The check digit of ICAO 9303 for digits, letters and fillers."""
    values = [0 if letter == "<" else int(letter, 36) for letter in text]
    return sum(value * _ICAO_WEIGHTS[index % 3] for index, value in enumerate(values)) % 10


def _passport(plain: str) -> bool | None:
    """Whether the check digits hold; None for a number without any."""
    line = _PASSPORT_LINE.fullmatch(plain)
    if line is not None:
        parts = all(
            icao_check_digit(line[name]) == int(line[f"{name}_check"]) for name in ("number", "birth", "expiry")
        )
        return parts and icao_check_digit(plain[:10] + plain[13:20] + plain[21:43]) == int(line["all_check"])
    return _icao_number(plain)


def _icao_number(plain: str) -> bool | None:
    if not re.fullmatch(r"[A-Z0-9<]{9}[0-9]", plain):
        return None
    return icao_check_digit(plain[:9]) == int(plain[9])


def _spanish(plain: str) -> bool | None:
    if not re.fullmatch(r"[XYZ0-9][0-9]{7}[A-Z]", plain):
        return None
    digits = plain[:8].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _DNI_LETTERS[int(digits) % 23] == plain[8]


def _polish(plain: str) -> bool | None:
    if not re.fullmatch(r"[0-9]{11}", plain):
        return None
    total = sum(int(digit) * weight for digit, weight in zip(plain, _PESEL_WEIGHTS, strict=False))
    return (10 - total % 10) % 10 == int(plain[10])


def _swedish(plain: str) -> bool | None:
    if not re.fullmatch(r"([0-9]{2})?[0-9]{10}", plain):
        return None
    doubled = [int(digit) * (2 - index % 2) for index, digit in enumerate(plain[-10:])]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


_NATIONAL: Final[dict[str, Callable[[str], bool | None]]] = {
    "ES": _spanish,
    "PL": _polish,
    "SE": _swedish,
    "DE": _icao_number,
}


def _national(kind: DocumentType, country: str) -> Callable[[str], bool | None] | None:
    return _NATIONAL.get(country) if kind is DocumentType.NATIONAL_ID else None
