"""The quarter-hourly look: what is broken now, whether the hot process told it, and what it tells in its place."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from lakehouse.cli import alerts_job
from lakehouse.cli.alerts_job import look_at_all
from lakehouse.clock import ManualClock, SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.alerting import Alert
from tests.factories.alert_rules import break_rule, put_rule

pytestmark = pytest.mark.integration

QUARTER = timedelta(minutes=15)


class Looks:
    """Look after look, a quarter of an hour apart, with a price that is moved in between."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = ManualClock(SystemClock().now())

    def price(self, price: str, symbol: str = "AAPL") -> None:
        """A quote of a minute ago."""
        self.clock.sleep(QUARTER.total_seconds())
        at = self.clock.now() - timedelta(minutes=1)
        with postgres.connect(self.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO market.realtime_symbols (symbol, price, currency, provider, as_of, seq, updated_at) "
                "VALUES (%(symbol)s, %(price)s, 'USD', 'test-feed', %(at)s, 0, %(at)s) "
                "ON CONFLICT (symbol) DO UPDATE SET price = excluded.price, as_of = excluded.as_of",
                {"symbol": symbol, "price": price, "at": at},
            )

    def look(self, rule_id: UUID) -> tuple[str, list[Alert]]:
        """The verdict of the rule, and what was missed."""
        found = asyncio.run(look_at_all(self.settings, clock=self.clock))
        with postgres.connect(self.settings.postgres) as connection:
            row = connection.execute("SELECT outcome FROM alerting.verdict WHERE rule_id = %s", (rule_id,)).fetchone()
        assert row is not None
        return str(row[0]), found.missed

    def tell(self, rule_id: UUID, sequence: int) -> None:
        """The hot process tells the rule."""
        break_rule(self.settings, rule_id, sequence, clock=self.clock)


@pytest.fixture
def looks(market: Settings) -> Looks:
    return Looks(market)


def test_what_nobody_told_is_told_at_the_second_look_and_once(looks: Looks) -> None:
    rule = put_rule(looks.settings, cool_down_s=0)
    looks.price("149")
    assert looks.look(rule) == ("kept", [])
    looks.price("151")
    assert looks.look(rule) == ("waiting", [])
    looks.price("152")
    outcome, [alert] = looks.look(rule)
    assert outcome == "missed"
    assert (alert.source, alert.sequence, alert.value, alert.bound) == ("monitor", -1, 152.0, 150.0)
    looks.price("153")
    assert looks.look(rule) == ("missed", [])
    looks.tell(rule, 1)
    looks.price("154")
    assert looks.look(rule) == ("told", [])
    looks.price("140")
    assert looks.look(rule) == ("kept", [])
    for outcome in ("waiting", "missed"):
        looks.price("160")
        found, missed = looks.look(rule)
        assert found == outcome
    assert [each.sequence for each in missed] == [-2]
    with postgres.connect(looks.settings.postgres) as connection:
        told = connection.execute("SELECT count(*) FROM ops.outbox WHERE topic = 'risk.alerts'").fetchone()
    assert told == (3,), "two of its own, and the hot process's"


def test_what_the_hot_process_told_stays_told_until_it_is_back(looks: Looks) -> None:
    rule = put_rule(looks.settings, hysteresis="0.02", cool_down_s=0)
    looks.price("151")
    looks.tell(rule, 1)
    assert looks.look(rule) == ("told", [])
    looks.price("149")  # not back by the hysteresis: it is not armed again
    assert looks.look(rule) == ("told", [])
    looks.price("151")
    assert looks.look(rule) == ("told", [])
    looks.price("140")
    assert looks.look(rule) == ("kept", [])


def test_who_fires_once_and_who_cools_down_is_not_missed(looks: Looks) -> None:
    once = put_rule(looks.settings, once=True, cool_down_s=0)
    quiet = put_rule(looks.settings, cool_down_s=86_400)
    looks.price("151")
    for rule in (once, quiet):
        looks.tell(rule, 1)
    for price in ("151", "140", "151", "152"):
        looks.price(price)
        for rule in (once, quiet):
            outcome, missed = looks.look(rule)
            assert (outcome, missed) == ("kept" if price == "140" else "told", [])


def test_what_a_look_cannot_know(looks: Looks) -> None:
    paused = put_rule(looks.settings, status="paused")
    unpriced = put_rule(looks.settings, symbol="MSFT")
    late = put_rule(looks.settings)
    with postgres.connect(looks.settings.postgres) as connection:
        connection.execute("UPDATE alerting.rule SET armed_at = now() + interval '1 day' WHERE id = %s", (late,))
    looks.price("151")
    for rule in (paused, unpriced, late):
        assert looks.look(rule) == ("not_judged", [])


def test_the_job_fails_for_what_was_missed(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_rule(looks.settings)
    monkeypatch.setattr(alerts_job, "load", lambda: looks.settings)
    looks.price("151")
    asked = ["--business-date", "2022-12-28"]
    assert alerts_job.main(asked, clock=looks.clock) == 0
    looks.price("151")
    assert alerts_job.main(asked, clock=looks.clock) == 65
    assert "alert_missed" in capsys.readouterr().err
    looks.price("151")
    assert alerts_job.main(asked, clock=looks.clock) == 0
