"""The loop: note what was told on Kafka, send what is due, note what was sent."""

from threading import Event
from typing import Final
from uuid import UUID

import structlog

from lakehouse.clock import Clock
from lakehouse.settings import AlertSettings
from streaming.mail import sink
from streaming.mail.letters import BadAddress, Letter, mail_of
from streaming.mail.metrics import MailMetrics
from streaming.mail.records import Records, RecordsUnavailable
from streaming.mail.sink import ComeAgain, RefusedForGood, ServerAway, Session
from streaming.mail.source import AlertSource

WAIT_S: Final = 0.2
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0

log = structlog.get_logger(__name__)


class Mailer:
    """Sends each alert once that is noted as sent. At least once: killed between the server's yes and the note, it
    sends the same mail, with the same Message-ID, again.

    The first alert of an owner goes out at once; those that follow within `mail_every_s` are gathered in one mail.
    While the server is away everything waits, with longer and longer pauses; who alone is told to come again, alone.
    """

    def __init__(
        self, source: AlertSource, records: Records, section: AlertSettings, *, clock: Clock, metrics: MailMetrics
    ) -> None:
        self._source, self._records, self._section = source, records, section
        self._clock, self._metrics = clock, metrics
        self._pause_s, self._rests_until_s = FIRST_PAUSE_S, float("-inf")
        self._owners_rest_until_s: dict[UUID, float] = {}
        self.ready = Event()

    def run(self, stop: Event) -> None:
        """Until told to stop. Raises AlertsUnreadable."""
        while not stop.is_set():
            try:
                self.turn()
            except RecordsUnavailable as error:
                self._metrics.failures.inc()
                self.ready.clear()
                log.warning("records_unavailable", error=str(error))
                stop.wait(FIRST_PAUSE_S)

    def turn(self) -> None:
        """Read, note, send. Raises RecordsUnavailable and AlertsUnreadable; then nothing is lost."""
        self._note()
        leads = self._records.lead()
        self._metrics.leads.set(leads)
        self.ready.set()
        if self._section.smtp_host and leads and self._clock.monotonic() >= self._rests_until_s:
            letters = self._records.due(every_s=self._section.mail_every_s, without=self._resting())
            if letters:
                self._send(letters)

    def _note(self) -> None:
        alerts, messages = self._source.read(WAIT_S)
        while messages:
            if alerts:
                self._metrics.queued.inc(self._records.queue(alerts))
            self._source.commit(messages)
            alerts, messages = self._source.read(0)

    def _resting(self) -> list[UUID]:
        """Owners whose mails the server does not take for now."""
        now_s = self._clock.monotonic()
        self._owners_rest_until_s = {
            owner: until_s for owner, until_s in self._owners_rest_until_s.items() if until_s > now_s
        }
        return list(self._owners_rest_until_s)

    def _send(self, letters: list[Letter]) -> None:
        try:
            with sink.session(self._section) as server:
                for letter in letters:
                    self._hand_over(server, letter)
        except ServerAway as error:
            self._metrics.failures.inc()
            log.warning("smtp_away", error=str(error), waiting=len(letters), retry_s=self._pause_s)
            self._rests_until_s = self._clock.monotonic() + self._pause_s
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            return
        self._pause_s = FIRST_PAUSE_S

    def _hand_over(self, server: Session, letter: Letter) -> None:
        try:
            server.send(mail_of(letter, self._section.mail_from, self._clock.now()))
        except (RefusedForGood, BadAddress) as error:
            log.warning("mail_refused", owner=str(letter.owner_id), error=str(error))
            self._metrics.refused.inc()
            self._records.failed(letter, str(error))
            return
        except ComeAgain as error:
            log.warning("mail_put_off", owner=str(letter.owner_id), error=str(error), retry_s=LONGEST_PAUSE_S)
            self._metrics.put_off.inc()
            self._records.put_off(letter)
            self._owners_rest_until_s[letter.owner_id] = self._clock.monotonic() + LONGEST_PAUSE_S
            return
        except ServerAway:
            self._records.put_off(letter)
            raise
        self._records.sent(letter)
        self._metrics.sent.inc()
        self._metrics.told.inc(len(letter.alerts))
