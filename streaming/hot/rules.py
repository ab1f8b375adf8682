"""Alert rules as they are journalled, and as lakehouse.alerting judges them."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from lakehouse.alerting.rules import Kind, Rule
from lakehouse.stores.alerting import RuleVersion, StoredRule

CROSSINGS: Final = "crossings"
_PAUSED: Final = "paused"
_JUDGED_BY: Final = ("kind", "limit_value", "is_amount", "hysteresis", "cool_down_s", "once", "arming")


def to_json(stored: StoredRule, held: object) -> dict[str, object]:
    """All of a rule. Its crossings are those `held` of it, where it was: who judges it counts on from there."""
    found: dict[str, object] = msgspec.to_builtins(stored)
    return found if held is None else found | {CROSSINGS: cast("Mapping[str, object]", held)[CROSSINGS]}


def from_json(found: object) -> StoredRule:
    """The rule that `to_json` was given."""
    return msgspec.convert(found, StoredRule)


def is_state(held: object, stored: RuleVersion) -> bool:
    """Whether what is `held` of a rule is the state that is stored."""
    names = ("id", "version", "arming", "status")
    return isinstance(held, Mapping) and all(held[name] == getattr(stored, name) for name in names)


def is_paused(stored: StoredRule) -> bool:
    """Whether it is not judged."""
    return stored.status == _PAUSED


def judges_alike(one: object, other: object) -> bool:
    """Whether two states of a rule judge alike: then what it has learnt stays."""
    before, after = cast("Mapping[str, object]", one), cast("Mapping[str, object]", other)
    return all(before[name] == after[name] for name in _JUDGED_BY)


def is_watchable(rule: Rule, symbols: Mapping[str, object], portfolios: Mapping[str, object]) -> bool:
    """Whether the book has what the rule is about; until then it sleeps."""
    return (rule.symbol is None or rule.symbol in symbols) and (rule.portfolio is None or rule.portfolio in portfolios)


def without_var(found: Iterable[object], var: Mapping[str, object], *, has_scenarios: bool) -> int:
    """How many rules are not judged, since no value at risk is known: of the batch for their portfolio, or live."""
    stored = [cast("Mapping[str, object]", each) for each in found]
    live = sum(each["kind"] == Kind.VAR_LIVE for each in stored)
    batch = sum(each["kind"] == Kind.VAR_BATCH and each["portfolio_id"] not in var for each in stored)
    return batch + (0 if has_scenarios else live)
