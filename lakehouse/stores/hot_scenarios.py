"""What symbols did on past days: the scenarios of which the hot process's live value at risk is made."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, LiteralString

import numpy as np

from lakehouse.quality.actions import Action, ActionRefused, adjust
from lakehouse.risk.checks import FloatArray
from lakehouse.stores.postgres import Transaction, rows_of
from lakehouse.stores.price_actions import ACTIVE

DAYS: Final = 500
BARS: Final[LiteralString] = """
    SELECT s.symbol, array_agg(b.day ORDER BY b.day) AS days, array_agg(b.close ORDER BY b.day) AS closes
    FROM unnest(%(symbols)s::text[]) AS s (symbol)
    CROSS JOIN LATERAL (
        SELECT (x.starts_at AT TIME ZONE 'UTC')::date AS day, x.close FROM market.bar AS x
        WHERE x.interval = '1d' AND x.symbol = s.symbol ORDER BY x.starts_at DESC LIMIT %(limit)s
    ) AS b
    GROUP BY s.symbol
"""


@dataclass(frozen=True, slots=True)
class Past:
    """Daily closes of a symbol, oldest first."""

    symbol: str
    days: Sequence[date]
    closes: Sequence[Decimal]


async def past_returns(connection: Transaction, symbols: Sequence[str]) -> dict[str, FloatArray]:
    """(DAYS,) simple returns of each symbol on the same last days, corporate actions undone."""
    series = await rows_of(connection, BARS, {"symbols": list(symbols), "limit": DAYS + 1}, Past)
    actions: dict[str, list[Action]] = defaultdict(list)
    for action in await rows_of(connection, ACTIVE, {}, Action):
        actions[action.symbol].append(action)
    return returns_of(series, actions)


def returns_of(series: Sequence[Past], actions: Mapping[str, Sequence[Action]]) -> dict[str, FloatArray]:
    """The same, pure: NaN on a day that a symbol, or the day before it, has no close of. Nothing where there are fewer
    days than DAYS + 1 in all, a tail of fewer is none, nor of a symbol whose actions contradict its closes."""
    days = sorted({day for each in series for day in each.days})[-DAYS - 1 :]
    if len(days) <= DAYS:
        return {}
    place = {day: index for index, day in enumerate(days)}
    found: dict[str, FloatArray] = {}
    for each in series:
        levels = np.full(len(days), np.nan)
        try:
            adjusted = adjust(each.days, [Fraction(close) for close in each.closes], actions.get(each.symbol, ()))
        except ActionRefused:
            continue
        for day, level in zip(each.days, adjusted, strict=True):
            if day in place:
                levels[place[day]] = float(level)
        found[each.symbol] = levels[1:] / levels[:-1] - 1.0
    return found
