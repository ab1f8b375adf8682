"""The rules of customers: every change is scored anew, and a document's number is judged but never kept."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from ml.checks import identity
from ml.checks.champion import Champion
from ml.checks.identity import DocumentCheck, DocumentType, Person
from ml.features.customers import customer_features
from serving.customers.repository import CUSTOMERS
from serving.customers.schemas import CustomerIn, CustomerOut
from serving.kit.access import Principal
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService, Row
from serving.kit.database import Database
from serving.kit.problems import ApiError

KEPT_CHARACTERS = 4
_MACHINE_LINE = 44
_NUMBER_IN_LINE = 9
_DOCUMENT = ("document_type", "document_country", "document_last4", "document_check")
_JUDGED = ("email", "name", "birth_date", "country", "phone", "address_line", "city", "postal_code")


class CustomerService(CrudService[CustomerIn, CustomerOut]):
    """A user's own customers."""

    def __init__(self, database: Database, clock: Clock, champion: Champion) -> None:
        self._champion = champion
        super().__init__(database, CrudRepository(database, CUSTOMERS), clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[CustomerIn]
    ) -> list[Row | ApiError]:
        """Each item's row with its score."""
        return [{"owner_id": principal.user_id, **self._scored(_stored(item.model_dump()))} for item in items]

    async def change(self, connection: Transaction, principal: Principal, current: CustomerOut, changes: Row) -> Row:
        """The columns to set, the score of the result among them."""
        if not changes:
            return {}
        stored = _stored(changes)
        scored = self._scored({**_columns_of(current), **stored})
        return {**stored, **{name: scored[name] for name in ("ai_identity_score", "ai_identity_reasons")}}

    def _scored(self, row: Row) -> Row:
        judged: dict[str, Any] = {name: row.get(name) for name in (*_JUDGED, "document_country", "document_check")}
        person, today, model = Person(**judged), self.clock.now().date(), self._champion.judge
        learned = None if model is None else model.one(customer_features(person, today=today))
        verdict = identity.assess(person, today=today, learned=learned)
        reasons = [{"rule": each.rule, "points": each.points, "detail": each.detail} for each in verdict.findings]
        return {**row, "ai_identity_score": verdict.score, "ai_identity_reasons": reasons}


def _stored(given: Row) -> Row:
    """The columns of what a request gives: of a document its check and its last characters."""
    row = {name: value for name, value in given.items() if name != "document"}
    if isinstance(row.get("email"), str):
        row["email"] = str(row["email"]).lower()
    if "document" in given:
        document = given["document"]
        row.update(_document(document) if isinstance(document, Mapping) else _no_document())
    return row


def _no_document() -> Row:
    return {**dict.fromkeys(_DOCUMENT), "document_check": DocumentCheck.ABSENT}


def _document(document: Mapping[str, object]) -> Row:
    kind, country, number = DocumentType(str(document["type"])), str(document["country"]), str(document["number"])
    return {
        "document_type": kind,
        "document_country": country,
        "document_last4": _last_characters(number),
        "document_check": identity.check_document(kind, country, number),
    }


def _last_characters(number: str) -> str:
    """At most four, and never more than half: a short number stays a secret too."""
    plain = re.sub(r"[\s-]", "", number).upper()
    if len(plain) == _MACHINE_LINE:
        plain = plain[:_NUMBER_IN_LINE].rstrip("<")
    kept = min(KEPT_CHARACTERS, len(plain) // 2)
    return plain[len(plain) - kept :]


def _columns_of(current: CustomerOut) -> Row:
    row: Row = {name: getattr(current, name) for name in _JUDGED}
    if current.document is None:
        return {**row, **_no_document()}
    return {**row, "document_country": current.document.country, "document_check": current.document.check}
