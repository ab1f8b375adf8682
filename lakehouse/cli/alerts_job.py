"""The job `alert_monitor`: look at every alert rule by the newest prices, and tell what the hot process has missed."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from lakehouse.alerting.look import Holdings, Price, Seen, Standing, look
from lakehouse.cli.alerts_past import Before, holdings_of, read_before, with_var
from lakehouse.cli.jobs import Asked, JobFailed, run
from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.jobs import ALERT_MONITOR
from lakehouse.settings import Settings, load
from lakehouse.stores import alert_verdicts, alerting, hot_book, postgres, redis
from lakehouse.stores.alert_verdicts import Outcome, Past, Verdict, verdict_of
from lakehouse.stores.alerting import Alert, Origin, StoredRule, alert_of
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.postgres import rows_of

log = structlog.get_logger(__name__)

NO_PRICE = "there is no price since it was armed"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and the alerts of what was missed."""

    verdicts: list[Verdict]
    missed: list[Alert]


@dataclass(frozen=True, slots=True)
class _Read:
    """Everything that a look needs, of one snapshot: `hot_book.held`, which is read first, makes it so."""

    holdings: Holdings
    prices: dict[str, Price]
    rules: list[StoredRule]
    past: dict[UUID, Past]
    before: Before

    @property
    def active(self) -> list[StoredRule]:
        """Those that are not paused."""
        return [each for each in self.rules if each.status == "active"]


async def look_at_all(settings: Settings, *, clock: Clock) -> Looked:
    """Look, and keep what was found. Raises OperationalError.

    A rule that is missed is told once, as an alert of the monitor's own; it is missed until the hot process tells it.
    """
    conninfo = postgres.conninfo_of(settings.postgres)
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        async with connection.transaction():
            read = await _read(connection, clock)
        before = await with_var(read.before, read.active, settings.clickhouse, clock.now())
        read = replace(read, before=before)
        found = _judged(read, clock)
        async with connection.transaction():
            await alert_verdicts.write(connection, found.verdicts)
            told = await alerting.record(connection, found.missed, clock=clock)
    async with redis.connect_async(settings.redis, retries=0) as bus:
        await alerting.publish(bus, told)
    return replace(found, missed=told)


async def _read(connection: AsyncConnection[tuple[object, ...]], clock: Clock) -> _Read:
    fetch: Fetch = partial(rows_of, connection)
    holdings = holdings_of(await hot_book.held(connection, None, clock.now().date()))
    marks = await hot_book.marks(connection)
    prices = {row.symbol: Price(row.at_us, row.mark, _number(row.bid), _number(row.ask)) for row in marks}
    rules = await alerting.rules_of(fetch)
    active = [each for each in rules if each.status == "active"]
    before = await read_before(connection, holdings, prices, active, now=clock.now())
    return _Read(holdings, prices, rules, await alert_verdicts.read_past(fetch), before)


def _judged(read: _Read, clock: Clock) -> Looked:
    now = clock.now()
    stored = {str(each.id): each for each in read.active}
    verdicts: list[Verdict] = []
    missed: list[Alert] = []
    for seen in look(read.holdings, [each.rule for each in stored.values()], read.prices, read.before.past):
        rule = stored[seen.rule.id]
        past = read.past[rule.id]
        verdict = verdict_of(read.before.of(_since(seen, past.armed_at, read), past, now), past, now)
        verdicts.append(verdict)
        if verdict.outcome is Outcome.MISSED and past.outcome != Outcome.MISSED and seen.crossing is not None:
            own = replace(seen.crossing, sequence=past.lowest - 1)
            missed.append(alert_of(rule, own, None, clock=clock, source=Origin.MONITOR))
    verdicts += [
        Verdict(rule_id=each.id, outcome=Outcome.NOT_JUDGED, reason="it is paused", judged_at=now)
        for each in read.rules
        if str(each.id) not in stored
    ]
    kinds = {each.id: each.kind for each in read.rules}
    silent = Counter((kinds[each.rule_id], each.reason) for each in verdicts if each.outcome is Outcome.NOT_JUDGED)
    for (kind, reason), count in sorted(silent.items()):
        log.info("not_judged", kind=kind, reason=reason, rules=count)
    return Looked(verdicts, missed)


def _since(seen: Seen, armed_at: datetime, read: _Read) -> Seen:
    """What was seen, unless no price of it came since it was armed: until then the hot process is not to judge it."""
    if seen.standing is Standing.UNKNOWN:
        return seen
    rule = seen.rule
    names: Mapping[str, object] = read.holdings.units.get(rule.portfolio or "", {})
    symbols = names if rule.symbol is None else (rule.symbol,)
    newest = max((read.prices[name].at_us for name in symbols if name in read.prices), default=0)
    return seen if newest > epoch_us(armed_at) else Seen(rule, Standing.UNKNOWN, NO_PRICE)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def work(asked: Asked) -> dict[str, int]:
    """Look, and name what was missed. Raises JobFailed for it: the hot process does not do its work."""
    found = asyncio.run(look_at_all(load(), clock=asked.clock))
    counted = {each.value: sum(one.outcome is each for one in found.verdicts) for each in Outcome}
    log.info("looked", rules=len(found.verdicts), **counted)
    for alert in found.missed:
        log.error("alert_missed", rule=str(alert.rule_id), subject=alert.subject, message=alert.message)
    if found.missed:
        raise JobFailed(JobExit.DATA)
    return {"alerting.verdict": len(found.verdicts), "alerting.alert": 0}


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run as the job's process. Returns the exit status."""
    return run(ALERT_MONITOR, work, arguments, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
