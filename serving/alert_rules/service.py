"""The rules of alert rules: on portfolios of the caller, judged anew after every change of what is judged."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from lakehouse.alerting.rules import Kind
from lakehouse.clock import Clock
from lakehouse.stores import alerting
from lakehouse.stores.alerting import RuleChange, Severity
from lakehouse.stores.postgres import Transaction
from serving.alert_rules.repository import RULES, AlertRuleRepository
from serving.alert_rules.schemas import AlertRuleOut, AnyRuleIn
from serving.audit.rows import record_rows
from serving.kit.access import Principal
from serving.kit.crud.service import CrudService, NotFound, Row
from serving.kit.database import Database
from serving.kit.ownership import own_portfolios
from serving.kit.problems import ApiError

MAX_RULES: Final = 2_000
JUDGED_BY: Final = frozenset({"limit_value", "is_amount", "hysteresis", "cool_down_s", "once"})
CRITICAL: Final = frozenset(
    {Kind.STOP_LOSS, Kind.TRAILING_STOP, Kind.DRAWDOWN, Kind.DAILY_LOSS, Kind.VAR_BATCH, Kind.VAR_LIVE}
)
ACTIVE: Final = "active"
PAUSED: Final = "paused"

Change = Callable[[AlertRuleOut], Row]


class TooManyRules(ApiError):
    """The caller has all the alert rules that a user may have."""

    status = 409
    code = "too_many_rules"
    title = "Too many alert rules"

    def __init__(self) -> None:
        super().__init__(f"A user has up to {MAX_RULES:,} alert rules: delete some that you do not need.")


class AlertRuleService(CrudService[AnyRuleIn, AlertRuleOut]):
    """Alert rules of the caller."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rules = AlertRuleRepository(database, RULES)
        super().__init__(database, self._rules, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[AnyRuleIn]
    ) -> list[Row | ApiError]:
        """A row of each item whose portfolio, where it names one, is the caller's own."""
        if await self._rules.count(connection, principal.user_id) + len(items) > MAX_RULES:
            return [TooManyRules() for _ in items]
        named = {portfolio for item in items if (portfolio := _portfolio_of(item)) is not None}
        own = await own_portfolios(connection, principal.user_id, named) if named else frozenset()
        return [self._row(principal, item, own) for item in items]

    async def change(self, connection: Transaction, principal: Principal, current: AlertRuleOut, changes: Row) -> Row:
        """The changes; armed anew where they change what is judged."""
        return {**changes, **self._armed(current)} if changes.keys() & JUDGED_BY else changes

    async def written(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[AlertRuleOut]
    ) -> None:
        """Tell whoever watches that there is something to read again."""
        changes = [RuleChange(action=action, rule_id=row.id, owner_id=row.owner_id, payload=_told(row)) for row in rows]
        await alerting.announce(connection, changes, clock=self.clock)
        await record_rows(connection, principal, action, rows, kind="alert_rule", clock=self.clock)

    async def pause(self, principal: Principal, rule_id: UUID, if_match: str | None) -> AlertRuleOut:
        """Judge it no more. Raises NotFound and VersionConflict."""
        return await self._act(
            principal, rule_id, if_match, "paused", lambda rule: {} if _is_paused(rule) else {"status": PAUSED}
        )

    async def resume(self, principal: Principal, rule_id: UUID, if_match: str | None) -> AlertRuleOut:
        """Judge it again, armed. Raises NotFound and VersionConflict."""
        return await self._act(
            principal,
            rule_id,
            if_match,
            "resumed",
            lambda rule: {"status": ACTIVE, **self._armed(rule)} if _is_paused(rule) else {},
        )

    async def rearm(self, principal: Principal, rule_id: UUID, if_match: str | None) -> AlertRuleOut:
        """Arm it, though its value is not back. Raises NotFound and VersionConflict."""
        return await self._act(principal, rule_id, if_match, "rearmed", self._armed)

    async def acknowledge(self, principal: Principal, rule_id: UUID, if_match: str | None) -> AlertRuleOut:
        """Note that its alerts so far were seen. Raises NotFound and VersionConflict."""
        async with self.database.transaction() as connection:
            await self._locked(connection, principal, rule_id, if_match)
            await alerting.acknowledge(connection, principal.user_id, rule_id=rule_id, clock=self.clock)
            return (await self.repository.read_back(connection, [rule_id]))[0]

    async def _act(
        self, principal: Principal, rule_id: UUID, if_match: str | None, action: str, change: Change
    ) -> AlertRuleOut:
        async with self.database.transaction() as connection:
            current = await self._locked(connection, principal, rule_id, if_match)
            changes = change(current)
            if not changes:
                return current
            await self.repository.update(connection, rule_id, {**changes, **self._stamp("updated_at")})
            changed = await self.repository.read_back(connection, [rule_id])
            await self.written(connection, principal, action, changed)
        return changed[0]

    def _armed(self, rule: AlertRuleOut) -> Row:
        return {"arming": rule.arming + 1, "armed_at": self.clock.now()}

    def _row(self, principal: Principal, item: AnyRuleIn, own: frozenset[UUID]) -> Row | ApiError:
        portfolio = _portfolio_of(item)
        if portfolio is not None and portfolio not in own:
            return NotFound(f"There is no portfolio {portfolio} of yours; GET /api/v1/portfolios lists them.")
        absent: Row = {"portfolio_id": None, "symbol": None, "limit_value": None, "is_amount": False}
        given: Row = {**absent, **item.model_dump()}
        return {
            **given,
            "owner_id": principal.user_id,
            "severity": given["severity"] or _usual(item.kind),
            "status": ACTIVE,
            "armed_at": self.clock.now(),
        }


def _portfolio_of(item: AnyRuleIn) -> UUID | None:
    found: UUID | None = getattr(item, "portfolio_id", None)
    return found


def _is_paused(rule: AlertRuleOut) -> bool:
    return rule.state == PAUSED


def _usual(kind: Kind) -> Severity:
    if kind is Kind.TAKE_PROFIT:
        return Severity.INFO
    return Severity.CRITICAL if kind in CRITICAL else Severity.WARNING


def _told(rule: AlertRuleOut) -> dict[str, object]:
    """What the event says: enough to know which rule to read again, and why."""
    return rule.model_dump(mode="json", include={"portfolio_id", "symbol", "kind", "state", "arming", "version"})
