"""Alerts by e-mail on a real broker and PostgreSQL: once each, gathered where they come fast, waiting while no server
answers, and never told to who wants none."""

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from uuid import UUID

import pytest

from lakehouse.clock import SystemClock
from lakehouse.contracts.topics import topic
from lakehouse.migrations import postgres as migrations
from lakehouse.migrations.postgres.demo import seed_demo
from lakehouse.settings import AlertSettings, Settings
from lakehouse.stores import alerting, kafka, postgres
from lakehouse.stores.alerting import Alert
from streaming.mail.mailer import Mailer
from streaming.mail.metrics import MailMetrics
from streaming.mail.records import Records
from streaming.mail.source import AlertSource
from streaming.outbox import wiring
from streaming.outbox.metrics import OutboxMetrics
from tests.factories.alert_rules import break_rule, put_rule
from tests.factories.api_users import api_user
from tests.factories.postgres_server import postgres_server
from tests.factories.smtp_server import Mailbox, smtp_server

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
WORD = "a secret of this test"
PATIENCE_S = 180.0


@pytest.fixture(scope="module")
def settings(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    kafka.ensure_topics(stack.kafka, tuple(map(topic, (alerting.ALERTS, alerting.RULES))))
    with postgres_server() as section:
        made = stack.model_copy(update={"postgres": section, "home": tmp_path_factory.mktemp("mail")})
        migrations.upgrade(made)
        seed_demo(made)
        yield made


@pytest.fixture(scope="module")
def source(settings: Settings) -> Iterator[AlertSource]:
    made = AlertSource(settings.kafka)
    yield made
    made.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as made:
        yield made


def section_of(mailbox: Mailbox, **changes: object) -> AlertSettings:
    return AlertSettings.model_validate(
        {
            "smtp_host": "127.0.0.1",
            "smtp_port": mailbox.port,
            "smtp_tls": "none",
            "smtp_user": "tidemark",
            "smtp_password": WORD,
            "mail_every_s": 0,
            **changes,
        }
    )


class Running:
    """A mailer, turned by hand."""

    def __init__(self, settings: Settings, source: AlertSource, section: AlertSettings) -> None:
        self.records = Records(settings.postgres, clock=CLOCK)
        self.metrics = MailMetrics()
        self.mailer = Mailer(source, self.records, section, clock=CLOCK, metrics=self.metrics)

    def until(self, condition: Callable[[], bool]) -> None:
        """Turn until it holds."""
        deadline = CLOCK.monotonic() + PATIENCE_S
        while not condition():
            assert CLOCK.monotonic() < deadline
            self.mailer.turn()

    def close(self) -> None:
        """As a kill does: PostgreSQL lets go of the lock."""
        self.records.close()


def fired(settings: Settings, rule_id: UUID, *sequences: int) -> list[Alert]:
    """Break the rule, and relay what that announced."""
    found = break_rule(settings, rule_id, *sequences)
    relay, ends = wiring.build(settings, clock=CLOCK, metrics=OutboxMetrics())
    relay.run(Event(), once=True)
    ends.sink.close()
    ends.source.close()
    return found


def notes(settings: Settings, alerts: Sequence[Alert]) -> list[tuple[str, str]]:
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(
            "SELECT status, reason FROM alerting.mail WHERE alert_id = ANY (%s) ORDER BY alert_id",
            ([alert.id for alert in alerts],),
        )
        return [(row[0], row[1]) for row in found.fetchall()]


def test_an_alert_is_mailed_once_whatever_is_read_again(
    settings: Settings, source: AlertSource, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    owner = api_user(settings)
    rule = put_rule(settings, owner_id=owner.id, severity="critical")
    running = Running(settings, source, section_of(mailbox))
    [alert] = fired(settings, rule, 1)
    running.until(lambda: len(mailbox.mails) == 1)
    assert mailbox.recipients == [f"{owner.id.hex}@example.com"]
    assert mailbox.logins == [("tidemark", WORD)]
    mail = mailbox.mails[0]
    assert mail["Subject"] == "[critical] AAPL at 151.25 is at or above 150"
    assert (mail["From"], mail["Message-ID"]) == ("tidemark@localhost", f"<{alert.id}@alerts.tidemark>")
    assert "AAPL at 151.25 is at or above 150" in mail.get_content()
    assert notes(settings, [alert]) == [("sent", "")]
    running.close()

    again = Running(settings, source, section_of(mailbox))
    assert again.records.queue([alert.id]) == 0, "it was noted before"
    [second] = fired(settings, rule, 1, 2)
    again.until(lambda: notes(settings, [second]) == [("sent", "")])
    assert len(mailbox.mails) == 2
    again.close()
    assert WORD not in caplog.text


def test_alerts_that_come_fast_are_gathered(settings: Settings, source: AlertSource, mailbox: Mailbox) -> None:
    rule = put_rule(settings, owner_id=api_user(settings).id, severity="critical")
    slow = Running(settings, source, section_of(mailbox, mail_every_s=3600))
    first = fired(settings, rule, 1)
    slow.until(lambda: len(mailbox.mails) == 1)
    rest = fired(settings, rule, 2, 3, 4)
    slow.until(lambda: len(notes(settings, rest)) == 3)
    slow.mailer.turn()
    assert (notes(settings, rest), len(mailbox.mails)) == ([("waiting", "")] * 3, 1)
    slow.close()

    quick = Running(settings, source, section_of(mailbox))
    quick.until(lambda: len(mailbox.mails) == 2)
    assert mailbox.mails[1]["Subject"] == "3 alerts, 3 of them critical"
    assert mailbox.mails[1].get_content().count("AAPL at 151.25") == 3
    assert notes(settings, [*first, *rest]) == [("sent", "")] * 4
    quick.close()


def test_who_wants_none_and_what_is_refused_for_good(settings: Settings, source: AlertSource, mailbox: Mailbox) -> None:
    quiet, gone, away, refused = (api_user(settings) for _ in range(4))
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.user_preference (id, owner_id, key, theme, base_currency, locale, timezone, notify_fills, "
            "notify_alerts, notify_reports) VALUES (gen_random_uuid(), %s, 'default', 'system', 'USD', 'en', 'UTC', "
            "true, false, false)",
            (quiet.id,),
        )
        connection.execute("UPDATE auth.app_user SET status = 'disabled' WHERE id = %s", (gone.id,))
        connection.execute("UPDATE auth.app_user SET email = '<a@example.com' WHERE id = %s", (away.id,))
    mailbox.refusals[f"{refused.id.hex}@example.com"] = "550 nobody here"
    running = Running(settings, source, section_of(mailbox))
    alerts = [fired(settings, put_rule(settings, owner_id=user.id), 1)[0] for user in (quiet, gone, away, refused)]
    running.until(lambda: len(notes(settings, alerts)) == 4)
    running.until(lambda: all(status != "waiting" for status, _ in notes(settings, alerts)))
    assert [notes(settings, [each])[0] for each in alerts] == [
        ("skipped", "the owner wants none"),
        ("skipped", "the owner is no active user"),
        ("failed", "it is no address that a mail can be sent to"),
        ("failed", "550 nobody here"),
    ]
    assert mailbox.mails == []
    running.close()


def test_a_server_that_is_away_delays_and_loses_nothing(
    settings: Settings, source: AlertSource, mailbox: Mailbox
) -> None:
    rule = put_rule(settings, owner_id=api_user(settings).id)
    mailbox.is_busy = True
    before = Running(settings, source, section_of(mailbox))
    alerts = fired(settings, rule, 1)
    before.until(lambda: before.metrics.registry.get_sample_value("tidemark_mail_failures_total") == 1)
    before.mailer.turn()
    assert notes(settings, alerts) == [("waiting", "")]
    before.close()
    mailbox.is_busy = False
    after = Running(settings, source, section_of(mailbox))
    after.until(lambda: notes(settings, alerts) == [("sent", "")])
    assert len(mailbox.mails) == 1
    after.close()


def test_a_full_mailbox_holds_up_nobody_else(settings: Settings, source: AlertSource, mailbox: Mailbox) -> None:
    full, other = sorted((api_user(settings) for _ in range(2)), key=lambda user: user.id)
    mailbox.refusals[f"{full.id.hex}@example.com"] = "452 the mailbox is full"
    running = Running(settings, source, section_of(mailbox))
    alerts = [fired(settings, put_rule(settings, owner_id=user.id), 1)[0] for user in (full, other)]
    running.until(lambda: notes(settings, [alerts[1]]) == [("sent", "")])
    assert mailbox.recipients == [f"{other.id.hex}@example.com"]
    assert notes(settings, [alerts[0]]) == [("waiting", "")]
    told = running.metrics.registry.get_sample_value
    tries = told("tidemark_mail_put_off_total")
    running.mailer.turn()
    assert told("tidemark_mail_put_off_total") == tries == 1, "it rests, others do not"
    assert told("tidemark_mail_failures_total") == 0
    running.close()

    mailbox.refusals.clear()
    later = Running(settings, source, section_of(mailbox))
    later.until(lambda: notes(settings, alerts[:1]) == [("sent", "")])
    later.close()


def test_one_mailer_sends_at_a_time(settings: Settings) -> None:
    first, second = (Records(settings.postgres, clock=CLOCK) for _ in range(2))
    assert (first.lead(), second.lead(), first.lead()) == (True, False, True)
    first.close()
    deadline = CLOCK.monotonic() + PATIENCE_S
    while not second.lead():
        assert CLOCK.monotonic() < deadline
    second.close()
