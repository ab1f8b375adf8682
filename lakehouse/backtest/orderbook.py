"""The working orders of the event-driven gear, by column, with their families."""

from collections.abc import Iterator

from lakehouse.backtest.market import BacktestError
from lakehouse.backtest.orders import Intent, Working, working
from lakehouse.trading.order import TimeInForce


class BadIntent(BacktestError):
    """An order that nothing can be made of."""


class OrderBook:
    """What works in the market. Moments are those of the engine's clock."""

    def __init__(self) -> None:
        self._by_column: dict[int, dict[int, Working]] = {}
        self._column_of: dict[int, int] = {}
        self._groups: dict[str, set[int]] = {}
        self._last_key = 0

    def __len__(self) -> int:
        return len(self._column_of)

    def __iter__(self) -> Iterator[Working]:
        for column in sorted(self._by_column):
            yield from self._by_column[column].values()

    def columns(self) -> list[int]:
        """Columns with working orders, ascending."""
        return sorted(column for column, orders in self._by_column.items() if orders)

    def of(self, column: int) -> list[Working]:
        """The orders of a column, oldest first."""
        return list(self._by_column.get(column, {}).values())

    def get(self, key: int) -> Working | None:
        """The order called `key`, None where it works no more."""
        column = self._column_of.get(key)
        return None if column is None else self._by_column[column][key]

    def place(self, intent: Intent, since: int) -> None:
        """A new order, working from `since` on. Raises BadIntent."""
        if not intent.units or intent.time_in_force is TimeInForce.GTD:
            raise BadIntent(f"{intent}: an order trades some units, and works for a day, at once or until withdrawn")
        self._last_key += 1
        order = working(self._last_key, intent, since)
        self._by_column.setdefault(intent.column, {})[order.key] = order
        self._column_of[order.key] = intent.column
        if intent.oco is not None:
            self._groups.setdefault(intent.oco, set()).add(order.key)

    def put(self, order: Working) -> None:
        """The order as it stands now."""
        self._by_column[order.column][order.key] = order

    def drop(self, key: int) -> None:
        """End an order, and with it the siblings that it would cancel."""
        column = self._column_of.pop(key, None)
        if column is None:
            return
        intent = self._by_column[column].pop(key).intent
        if intent.oco is not None:
            for sibling in self._groups.pop(intent.oco, set()) - {key}:
                self.drop(sibling)

    def filled(self, order: Working, since: int, *, ends: bool) -> None:
        """The order after a fill: what is left works on, siblings are cut to as much, an order that was filled whole
        places what it has to place, from `since` on."""
        left = order.resting.leaves
        if ends or left <= 0.0:
            self.drop(order.key)
            for intent in order.intent.then if left <= 0.0 else ():
                self.place(intent, since)
            return
        self.put(order)
        for key in self._groups.get(order.intent.oco or "", set()) - {order.key}:
            sibling = self.get(key)
            if sibling is not None and sibling.resting.leaves > left:
                self.put(sibling._replace(resting=sibling.resting._replace(leaves=left)))

    def lapse(self, close: int) -> None:
        """End every order that was good for the day and worked before its `close`."""
        ended = [order.key for order in self if order.day_only and order.resting.since < close]
        for key in ended:
            self.drop(key)
