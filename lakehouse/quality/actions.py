"""What companies do to their shares, and back-adjusted prices: exact fractions, so that every step can be undone.

A price before the ex-date is multiplied by what a holder of one unit then holds of it afterwards, as the Center for
Research in Security Prices does (CRSP Data Descriptions Guide, "Factor to Adjust Price"): 1 / ratio for a split,
1 - share for a spin-off that carried that share of the value away, 1 - amount / close for a dividend, where the close
is the last one before the ex-date. Raw prices are never changed: an adjusted price is a function of them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import prod

from lakehouse.errors import TidemarkError


class ActionRefused(TidemarkError):
    """An action that contradicts itself, or a price that it cannot adjust."""


class ActionKind(StrEnum):
    """What the company did; the names are those of the books' transactions."""

    SPLIT = "split"
    REVERSE_SPLIT = "reverse_split"
    SPIN_OFF = "spin_off"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action. `ratio`: new units for one old; of a spin-off units of `related_symbol` for one, and `cost_share` the
    part of cost and value that goes along. `amount`: dividend of one unit, in `currency`. Raises ActionRefused."""

    symbol: str
    kind: ActionKind
    ex_date: date
    ratio: Decimal | None = None
    related_symbol: str | None = None
    cost_share: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        for is_broken, detail in self._shape():
            if is_broken:
                raise ActionRefused(f"{self.kind} of {self.symbol} on {self.ex_date}: {detail}")

    def _shape(self) -> tuple[tuple[bool, str], ...]:
        kind, ratio, share = self.kind, self.ratio, self.cost_share
        is_spin_off, is_dividend = kind == ActionKind.SPIN_OFF, kind == ActionKind.DIVIDEND
        has_spin = self.related_symbol is not None and share is not None
        has_any_spin = self.related_symbol is not None or share is not None
        has_cash = self.amount is not None and self.currency is not None
        has_any_cash = self.amount is not None or self.currency is not None
        return (
            (is_dividend == (ratio is not None), "a ratio goes with all kinds but a dividend"),
            (ratio is not None and ratio <= 0, "a ratio is above zero"),
            (kind == ActionKind.SPLIT and ratio is not None and ratio <= 1, "a split has a ratio above 1"),
            (kind == ActionKind.REVERSE_SPLIT and ratio is not None and ratio >= 1, "its ratio is below 1"),
            (is_spin_off != has_spin or is_spin_off != has_any_spin, "related symbol and cost share make a spin-off"),
            (share is not None and not 0 < share < 1, "a cost share lies between 0 and 1"),
            (is_spin_off and self.related_symbol == self.symbol, "it cannot spin off itself"),
            (is_dividend != has_cash or is_dividend != has_any_cash, "amount and currency make a dividend"),
            (self.amount is not None and self.amount <= 0, "an amount is above zero"),
        )

    @property
    def scale(self) -> Fraction:
        """What a price before the ex-date is multiplied by, its dividend aside."""
        if self.kind == ActionKind.DIVIDEND:
            return Fraction(1)
        if self.kind == ActionKind.SPIN_OFF:
            return 1 - Fraction(self.cost_share or 0)
        return 1 / Fraction(self.ratio or 1)


def adjust(days: Sequence[date], closes: Sequence[Fraction], actions: Iterable[Action]) -> tuple[Fraction, ...]:
    """Closes of one instrument as if every action had happened before the first: shape of `closes`, the last close
    unchanged. `days` ascend; an action works on the first bar from its ex-date on, and one before the first bar or
    after the last not at all. Raises ActionRefused for a dividend that is not below the close before it."""
    grouped = _by_bar(days, actions)
    adjusted: list[Fraction] = []
    cumulative = Fraction(1)
    for at in reversed(range(len(days))):
        adjusted.append(closes[at] * cumulative)
        if at in grouped:
            scale, cash = _effect(grouped[at])
            cumulative *= scale * _kept(closes[at - 1], cash, days[at])
    return tuple(reversed(adjusted))


def unadjust(days: Sequence[date], adjusted: Sequence[Fraction], actions: Iterable[Action]) -> tuple[Fraction, ...]:
    """The closes that `adjust` was given: exactly its inverse."""
    grouped = _by_bar(days, actions)
    raw: list[Fraction] = []
    cumulative = Fraction(1)
    for at in reversed(range(len(days))):
        raw.append(adjusted[at] / cumulative)
        if at in grouped:
            scale, cash = _effect(grouped[at])
            before = adjusted[at - 1] / (cumulative * scale) + cash
            cumulative *= scale * _kept(before, cash, days[at])
    return tuple(reversed(raw))


def _by_bar(days: Sequence[date], actions: Iterable[Action]) -> Mapping[int, list[Action]]:
    grouped: dict[int, list[Action]] = {}
    for action in actions:
        at = bisect_left(days, action.ex_date)
        if 0 < at < len(days):
            grouped.setdefault(at, []).append(action)
    return grouped


def _effect(actions: list[Action]) -> tuple[Fraction, Fraction]:
    """Scale and cash of one old unit: dividends are paid on the units held before what else happens that day."""
    return prod((action.scale for action in actions), start=Fraction(1)), sum(
        (Fraction(action.amount or 0) for action in actions), start=Fraction(0)
    )


def _kept(before: Fraction, cash: Fraction, day: date) -> Fraction:
    if cash >= before:
        raise ActionRefused(f"a dividend of {float(cash):g} on {day} is not below the close before it")
    return 1 - cash / before
