"""What the hot process sees of the books, and how that changes. Pure: the same changes in the same order do the same.

A sight is maps of JSON values; a change names, map by map, the values that are new, and null for what is gone. Values
are replaced whole and never written in place, so that a shallow copy is a snapshot.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

Json: TypeAlias = object
Values: TypeAlias = Mapping[str, Json]
Change: TypeAlias = dict[str, dict[str, Json]]

SYMBOLS: Final = "symbols"
"""symbol -> currency of its instrument. A symbol is never removed, so that its place stays."""
PORTFOLIOS: Final = "portfolios"
"""portfolio id -> base currency."""
UNITS: Final = "units"
"""portfolio id -> {symbol: units held, signed, times the instrument's multiplier}."""
CASH: Final = "cash"
"""portfolio id -> quanta of its base currency; UNKNOWN_CASH where a balance has no rate."""
FLOWS: Final = "flows"
"""portfolio id -> quanta that ever came from outside, less those that went there."""
RATES: Final = "rates"
"""`EUR/USD` -> units of the second for one of the first."""
RULES: Final = "rules"
"""rule id -> its members, as `rules.py` reads them."""
ORDERS: Final = "orders"
"""portfolio id -> {order id: an open order, as the desk reads it}."""
VAR: Final = "var"
"""portfolio id -> value at risk of the newest batch, units of its base currency."""
RETURNS: Final = "returns"
"""symbol -> its returns on the same past days, float64 as base64: scenarios of live value at risk."""
TERMS: Final = "terms"
"""What the desk charges and when it deals, as the desk reads it; nothing where it is as it was made."""
HALTS: Final = "halts"
"""portfolio id, or EVERYBODY of `lakehouse.trading.venue` -> true while trading is stopped: its orders stand still; the
event time before which they do, where that was lifted."""
MARKS: Final = "marks"
"""symbol -> [event time, bid, ask, mark] known before the first tick: told once, and remembered by the market alone."""

BY_PORTFOLIO: Final = (PORTFOLIOS, UNITS, CASH, FLOWS, ORDERS)
MAPS: Final = (SYMBOLS, *BY_PORTFOLIO, RATES, RULES, VAR, RETURNS, TERMS, HALTS)
UNKNOWN_CASH: Final = "unknown"


class Sight:
    """All maps. `copy` is cheap."""

    def __init__(self, maps: Mapping[str, Values] | None = None) -> None:
        given = maps or {}
        self.maps: dict[str, dict[str, Json]] = {name: dict(given.get(name, {})) for name in MAPS}

    def __getitem__(self, name: str) -> dict[str, Json]:
        return self.maps[name]

    def count(self, name: str) -> int:
        """How many entries the values of a map of maps have together."""
        return sum(len(value) for value in self.maps[name].values() if isinstance(value, Mapping))

    def copy(self) -> "Sight":
        """A snapshot."""
        return Sight(self.maps)

    def apply(self, change: Mapping[str, Values]) -> None:
        """Make the change, in an order of its own, not in that of its keys."""
        for name, values in change.items():
            if name == MARKS:
                continue
            held = self.maps[name]
            for key in sorted(values):
                value = values[key]
                if value is not None:
                    held[key] = value
                else:
                    held.pop(key, None)


def difference(seen: Sight, read: Mapping[str, Values], covered: Mapping[str, Iterable[str]]) -> Change:
    """The change that makes `seen` what was `read`; empty where nothing differs.

    Maps that were not read are left alone, and of a map in `covered` all keys but those. No symbol is ever taken away.
    """
    change: Change = {}
    for name, values in read.items():
        held = seen[name]
        keys = dict.fromkeys(values if name == SYMBOLS else covered.get(name, (*held, *values)))
        moved = {key: values.get(key) for key in keys if values.get(key) != held.get(key)}
        if moved:
            change[name] = moved
    return change
