"""Whether the cash suffices for what is to be booked, day by day, and the deposit that would make it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Shortage:
    """Cash of `currency` falls below zero first on `day`; at its lowest `minor` units are missing.

    `is_open` says that it is short at the end too, where the ledger would refuse it.
    """

    currency: str
    day: date
    minor: int
    is_open: bool


def shortages(
    before: Iterable[tuple[date, str, int]], new: Iterable[tuple[date, str, int]], free: Mapping[str, int]
) -> list[Shortage]:
    """Shortages by currency of what is `new`, after what was booked `before`: day, currency and change in minor units.

    `free` is the cash that nothing has reserved now. Days are judged by their end: brokers write a deposit and the
    purchase that it pays for in any order.
    """
    days: dict[str, dict[date, int]] = {}
    added: dict[str, int] = {}
    for day, currency, minor in before:
        _add(days, day, currency, minor)
    for day, currency, minor in new:
        _add(days, day, currency, minor)
        added[currency] = added.get(currency, 0) + minor
    found = [_shortage(currency, days[currency], free.get(currency, 0) + added[currency]) for currency in sorted(added)]
    return [each for each in found if each is not None]


def _add(days: dict[str, dict[date, int]], day: date, currency: str, minor: int) -> None:
    of_currency = days.setdefault(currency, {})
    of_currency[day] = of_currency.get(day, 0) + minor


def _shortage(currency: str, changes: Mapping[date, int], end: int) -> Shortage | None:
    balance, lowest, first = 0, 0, None
    for day in sorted(changes):
        balance += changes[day]
        if balance < 0 and first is None:
            first = day
        lowest = min(lowest, balance)
    lowest = min(lowest, end)
    if lowest >= 0:
        return None
    return Shortage(currency, first or max(changes), -lowest, end < 0)
