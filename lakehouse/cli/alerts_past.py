"""What the quarter-hourly look knows of the time before it, from PostgreSQL and the marts, for the rules that ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from lakehouse.alerting.look import Holdings, Price, Seen
from lakehouse.alerting.past import Past, equity_of, stop_of
from lakehouse.alerting.rules import Kind
from lakehouse.settings import ClickHouseSettings
from lakehouse.stores import alert_past, alert_verdicts, hot_book, hot_scenarios
from lakehouse.stores.alerting import StoredRule
from lakehouse.stores.hot_book import Held
from lakehouse.stores.hot_var import newest_var
from lakehouse.stores.marts import Marts, MartsUnavailable
from lakehouse.stores.postgres import Transaction

MARTS_S = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Before:
    """What is known, and the rules whose stop the hot process told, which are not armed again."""

    past: Past
    told: frozenset[str]

    def of(self, seen: Seen, known: alert_verdicts.Past, now: datetime) -> Seen:
        """What was seen, and whether that very breach was told: of a drawdown since it was armed, of a day's loss since
        the day began, since a look does not see everything by which these are armed again."""
        since = {Kind.DRAWDOWN: known.armed_at, Kind.DAILY_LOSS: midnight(now)}.get(seen.rule.kind)
        by_time = since is not None and known.fired_at is not None and known.fired_at >= since
        return replace(seen, is_told=True) if by_time or seen.rule.id in self.told else seen


def holdings_of(held: Held) -> Holdings:
    """What a look is at."""
    return Holdings(
        symbols=held.instruments, portfolios=held.portfolios, units=held.units, cash=held.cash, rates=held.rates
    )


def midnight(now: datetime) -> datetime:
    """When the day of UTC began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


async def read_before(
    connection: Transaction,
    holdings: Holdings,
    prices: Mapping[str, Price],
    rules: Sequence[StoredRule],
    *,
    now: datetime,
) -> Before:
    """All but VaR of the batch, in the caller's transaction, which has read the `holdings`."""
    kinds = {rule.kind for rule in rules}
    trails = await alert_past.trails(connection, now) if Kind.TRAILING_STOP in kinds else {}
    stops = {
        rule.id: stop_of(rule, holdings.units_of(rule), prices[rule.symbol or ""].mark, trails[rule.id])
        for rule in (each.rule for each in rules if str(each.id) in trails)
        if rule.symbol in prices and holdings.units_of(rule)
    }
    past = Past(
        stops={key: stop.price for key, stop in stops.items()},
        peak=await alert_past.peaks(connection) if Kind.DRAWDOWN in kinds else {},
        opening=await _openings(connection, now) if Kind.DAILY_LOSS in kinds else {},
        returns=await hot_scenarios.past_returns(connection, _watched(holdings, rules)),
    )
    return Before(past, frozenset(key for key, stop in stops.items() if stop.is_told))


async def with_var(before: Before, rules: Sequence[StoredRule], section: ClickHouseSettings, now: datetime) -> Before:
    """What is known, and the newest VaR of the batch, where a rule asks for it; without it where the marts are away."""
    if all(rule.kind != Kind.VAR_BATCH for rule in rules):
        return before
    marts = Marts(section, timeout_s=MARTS_S)
    try:
        var = await newest_var(marts, now.date())
    except MartsUnavailable as error:
        log.warning("var_not_read", error=str(error))
        return before
    finally:
        marts.close()
    return replace(before, past=replace(before.past, var=var))


async def _openings(connection: Transaction, now: datetime) -> dict[str, int]:
    """Equity at the last marks and rates before the day of UTC began, of portfolios of which nothing was booked since:
    of the others, what was held then is not what is held now."""
    start = midnight(now)
    before = holdings_of(await hot_book.held(connection, None, (start - timedelta(days=1)).date()))
    names = {name for units in before.units.values() for name in units}
    found = equity_of(before.book, await alert_past.prices_before(connection, sorted(names), start))
    booked = await alert_past.booked_since(connection, start)
    return {owner: equity for owner, equity in found.items() if owner not in booked and before.cash[owner] is not None}


def _watched(holdings: Holdings, rules: Sequence[StoredRule]) -> list[str]:
    """The symbols in portfolios of which a rule watches the live value at risk."""
    owners = {str(rule.portfolio_id) for rule in rules if rule.kind == Kind.VAR_LIVE}
    return sorted({name for owner in owners for name, units in holdings.units.get(owner, {}).items() if units})
