"""What the slow monitor found of each rule, look by look, and whether the hot process had told it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.alerting.look import Seen, Standing
from lakehouse.stores.books.history import Fetch
from lakehouse.stores.postgres import Transaction, json_of

PAST: Final[LiteralString] = """
    SELECT r.id AS rule_id, r.once, r.cool_down_s, r.armed_at, v.outcome, v.broken_since, v.judged_at,
           a.created_at AS told_at, a.at AS fired_at,
           coalesce((SELECT min(x.sequence) FROM alerting.alert AS x WHERE x.rule_id = r.id AND x.sequence < 0), 0)
               AS lowest
    FROM alerting.rule AS r
    LEFT JOIN alerting.verdict AS v ON v.rule_id = r.id
    LEFT JOIN LATERAL (
        SELECT x.created_at, x.at FROM alerting.alert AS x
        WHERE x.rule_id = r.id AND x.source = 'hot' ORDER BY x.id DESC LIMIT 1
    ) AS a ON true
"""
WRITE: Final[LiteralString] = """
    INSERT INTO alerting.verdict (rule_id, outcome, reason, value, bound, broken_since, judged_at)
    SELECT r.id, v.outcome, v.reason, v.value, v.bound, v.broken_since, v.judged_at
    FROM jsonb_to_recordset(%(verdicts)s) AS v (
        rule_id uuid, outcome text, reason text, value double precision, bound double precision,
        broken_since timestamptz, judged_at timestamptz
    )
    JOIN alerting.rule AS r ON r.id = v.rule_id
    ORDER BY r.id
    ON CONFLICT (rule_id) DO UPDATE SET
        outcome = excluded.outcome, reason = excluded.reason, value = excluded.value, bound = excluded.bound,
        broken_since = excluded.broken_since, judged_at = excluded.judged_at
"""


class Outcome(StrEnum):
    """What a look says of a rule: see the contract of alerting.verdict."""

    KEPT = "kept"
    TOLD = "told"
    WAITING = "waiting"
    MISSED = "missed"
    NOT_JUDGED = "not_judged"


BROKEN: Final = frozenset({Outcome.TOLD, Outcome.WAITING, Outcome.MISSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A rule, what the look before found, when the hot process last told it (`fired_at` by event time), and the
    `lowest` sequence of the monitor's own alerts."""

    rule_id: UUID
    once: bool
    cool_down_s: int
    armed_at: datetime
    outcome: str | None
    broken_since: datetime | None
    judged_at: datetime | None
    told_at: datetime | None
    fired_at: datetime | None
    lowest: int

    @property
    def is_broken(self) -> bool:
        """Whether it was broken at the look before, and not armed since."""
        return self.outcome in BROKEN and self.judged_at is not None and self.judged_at >= self.armed_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A rule after a look."""

    rule_id: UUID
    outcome: Outcome
    reason: str = ""
    value: float | None = None
    bound: float | None = None
    broken_since: datetime | None = None
    judged_at: datetime


async def read_past(fetch: Fetch) -> dict[UUID, Past]:
    """What is known of every rule."""
    return {row.rule_id: row for row in await fetch(PAST, {}, Past)}


async def write(connection: Transaction, verdicts: Sequence[Verdict]) -> None:
    """Put these in place of what the look before found."""
    await connection.execute(WRITE, {"verdicts": json_of(verdicts)})


def verdict_of(seen: Seen, past: Past, now: datetime) -> Verdict:
    """What to think of a rule as it was seen `now`.

    A rule that is broken has one look's time to be told: broken again at the next one, it was missed. One that is
    between its bound and where it is armed again stays what it was.
    """
    if seen.standing is Standing.UNKNOWN:
        return Verdict(rule_id=past.rule_id, outcome=Outcome.NOT_JUDGED, reason=seen.reason, judged_at=now)
    stays = seen.standing is Standing.BETWEEN and past.is_broken and past.outcome != Outcome.WAITING
    if seen.crossing is None and not stays:
        return Verdict(rule_id=past.rule_id, outcome=Outcome.KEPT, judged_at=now)
    if seen.crossing is None:
        outcome = Outcome(past.outcome or "")
        return Verdict(rule_id=past.rule_id, outcome=outcome, broken_since=past.broken_since, judged_at=now)
    return Verdict(
        rule_id=past.rule_id,
        outcome=_outcome(past, now, is_told=seen.is_told),
        value=seen.crossing.value,
        bound=seen.crossing.bound,
        broken_since=past.broken_since if past.is_broken else now,
        judged_at=now,
    )


def _outcome(past: Past, now: datetime, *, is_told: bool) -> Outcome:
    if is_told or _is_told(past, now):
        return Outcome.TOLD
    return Outcome.MISSED if past.is_broken else Outcome.WAITING


def _is_told(past: Past, now: datetime) -> bool:
    if past.is_broken and past.outcome == Outcome.TOLD:
        return True
    if past.told_at is None or past.fired_at is None:
        return False
    since = past.armed_at
    if past.judged_at is not None and past.outcome != Outcome.NOT_JUDGED and not past.once:
        since = max(since, past.judged_at)
    is_quiet = past.fired_at + timedelta(seconds=past.cool_down_s) > now
    return past.told_at >= since or is_quiet
