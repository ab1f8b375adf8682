"""What a mail says. Pure: no engine, no clock, no setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final
from uuid import UUID

from lakehouse.errors import TidemarkError

SHOWN: Final = 100
"""Alerts that a mail spells out; of those beyond it says how many there are."""


class BadAddress(TidemarkError):
    """What a user gave as an address is none that a mail can be sent to."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert to tell."""

    id: UUID
    severity: str
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Letter:
    """Alerts of one owner, in the order in which they happened, and where they go."""

    owner_id: UUID
    address: str
    alerts: tuple[Told, ...]

    @property
    def message_id(self) -> str:
        """The same for the same first alert: a mail that is sent again after a crash is the same mail."""
        return f"<{self.alerts[0].id}@alerts.tidemark>"


def mail_of(letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """The mail; no reader answers it automatically (RFC 3834). Raises BadAddress."""
    mail = EmailMessage()
    try:
        mail["To"] = Address(addr_spec=letter.address)
    except (ValueError, MessageError) as error:
        raise BadAddress("it is no address that a mail can be sent to") from error
    mail["From"], mail["Subject"] = sender, _subject(letter.alerts)
    mail["Date"], mail["Message-ID"] = now.astimezone(UTC), letter.message_id
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_body(letter.alerts))
    return mail


def _subject(alerts: Sequence[Told]) -> str:
    if len(alerts) == 1:
        return f"[{alerts[0].severity}] {alerts[0].message}"
    critical = sum(alert.severity == "critical" for alert in alerts)
    return f"{len(alerts)} alerts" + (f", {critical} of them critical" if critical else "")


def _body(alerts: Sequence[Told]) -> str:
    lines = [
        f"{alert.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {alert.severity:<8}  {alert.message}"
        for alert in alerts[:SHOWN]
    ]
    if len(alerts) > SHOWN:
        lines.append(f"and {len(alerts) - SHOWN} more")
    rest = "GET /api/v1/alerts has them all; POST /api/v1/alerts/acknowledge says that you have seen them."
    return "\n".join([*lines, "", rest, "Preferences: notify_alerts.", ""])
