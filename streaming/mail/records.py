"""PostgreSQL: which alerts wait for a mail, and what became of each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from streaming.kit.postgres import Led
from streaming.mail.letters import Letter, Told

MOST: Final = 20_000
OLD: Final = timedelta(days=1)
"""What is this old when it is first read is no news: a mailer that is switched on does not tell the past."""

LOCK: Final = "tidemark.mail"
QUEUE: Final[LiteralString] = """
    INSERT INTO alerting.mail (alert_id, owner_id, status, reason, queued_at, decided_at)
    SELECT a.id, a.owner_id, CASE w.reason WHEN '' THEN 'waiting' ELSE 'skipped' END, w.reason, %(now)s,
           CASE w.reason WHEN '' THEN NULL ELSE %(now)s END
    FROM alerting.alert AS a
    JOIN auth.app_user AS u ON u.id = a.owner_id
    LEFT JOIN app.user_preference AS p ON p.owner_id = a.owner_id AND p.key = 'default'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN u.status <> 'active' THEN 'the owner is no active user'
                    WHEN p.notify_alerts IS FALSE THEN 'the owner wants none'
                    WHEN a.created_at < %(old)s THEN 'it was old when it was read'
                    ELSE '' END AS reason
    ) AS w
    WHERE a.id = ANY (%(ids)s)
    ON CONFLICT (alert_id) DO NOTHING
"""
DUE: Final[LiteralString] = """
    SELECT m.owner_id, u.email AS address, a.id, a.severity, a.at, a.message
    FROM alerting.mail AS m
    JOIN alerting.alert AS a ON a.id = m.alert_id
    JOIN auth.app_user AS u ON u.id = m.owner_id
    WHERE m.status = 'waiting' AND m.owner_id <> ALL (%(without)s::uuid[]) AND NOT EXISTS (
        SELECT FROM alerting.mail AS s
        WHERE s.owner_id = m.owner_id AND s.status = 'sent' AND s.decided_at > %(after)s
    )
    ORDER BY m.owner_id, a.at, a.id
    LIMIT %(most)s
"""
DECIDE: Final[LiteralString] = """
    UPDATE alerting.mail AS m
    SET status = %(status)s, message_id = %(message_id)s, reason = %(reason)s, attempts = attempts + 1,
        decided_at = CASE %(status)s WHEN 'waiting' THEN NULL ELSE %(now)s END
    WHERE m.alert_id = ANY (%(ids)s) AND m.status = 'waiting'
"""


class RecordsUnavailable(TidemarkError):
    """PostgreSQL does not answer: nothing was noted, so nothing is lost."""


@dataclass(frozen=True, slots=True)
class _Due:
    owner_id: UUID
    address: str
    id: UUID
    severity: str
    at: datetime
    message: str


class Records:
    """One connection, opened again after a failure. Every method raises RecordsUnavailable."""

    def __init__(self, section: PostgresSettings, *, clock: Clock) -> None:
        self._led = Led(section, name="tidemark-mail", lock=LOCK, away=RecordsUnavailable)
        self._clock = clock

    def lead(self) -> bool:
        """Whether this mailer is the one that sends."""
        return self._led.lead()

    def queue(self, alerts: Sequence[UUID]) -> int:
        """Note that these are to be told; how many were not noted before."""
        now = self._clock.now()
        return self._led.execute(QUEUE, {"ids": list(alerts), "now": now, "old": now - OLD}).rowcount

    def due(self, *, every_s: float, without: Sequence[UUID] = ()) -> list[Letter]:
        """A letter of all that waits for each owner who was sent nothing for `every_s`, but for those `without`."""
        after = self._clock.now() - timedelta(seconds=every_s)
        names = {"after": after, "without": list(without), "most": MOST}
        found: dict[tuple[UUID, str], list[Told]] = defaultdict(list)
        for row in self._led.rows(DUE, names, _Due):
            found[row.owner_id, row.address].append(Told(row.id, row.severity, row.at, row.message))
        return [Letter(owner, address, tuple(alerts)) for (owner, address), alerts in found.items()]

    def sent(self, letter: Letter) -> None:
        """The server has taken it."""
        self._decide(letter, "sent", letter.message_id, "")

    def failed(self, letter: Letter, reason: str) -> None:
        """The server refuses it for good."""
        self._decide(letter, "failed", "", reason)

    def put_off(self, letter: Letter) -> None:
        """It is tried again."""
        self._decide(letter, "waiting", "", "")

    def close(self) -> None:
        """Let go of the lock and the connection."""
        self._led.close()

    def _decide(self, letter: Letter, status: str, message_id: str, reason: str) -> None:
        names = {"status": status, "message_id": message_id, "reason": reason[:500], "now": self._clock.now()}
        self._led.execute(DECIDE, {**names, "ids": [alert.id for alert in letter.alerts]})
