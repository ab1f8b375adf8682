"""A batch of ticks in columns, in the one order in which everything judges it."""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from lakehouse.alerting.marks import Ticks
from lakehouse.risk.checks import FloatArray, IntArray

FUTURE_US = 5_000_000
"""A tick of so much later than the broker's clock says is from the future, and ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """T ticks but for their symbols, (T,) each: `price` and `size` of a trade, `bid`, `ask` and their sizes of a quote,
    NaN where a message did not say. `seq` is the provider's counter. `partition` and `offset` name the message of a
    tick; `kafka_us` is the broker's time of it."""

    at_us: IntArray
    seq: IntArray
    price: FloatArray
    size: FloatArray
    bid: FloatArray
    bid_size: FloatArray
    ask: FloatArray
    ask_size: FloatArray
    partition: IntArray
    offset: IntArray
    kafka_us: IntArray


COLUMNS: Final = tuple(each.name for each in fields(Columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Columns):
    """T ticks, sorted by (event time, partition, offset); `symbol` (T,) are places in the universe's symbols, which are
    only ever added at the end."""

    symbol: IntArray

    @classmethod
    def empty(cls) -> Self:
        """No tick."""
        return cls(
            **{
                name: np.zeros(
                    0, np.float64 if name in ("price", "size", "bid", "bid_size", "ask", "ask_size") else "i8"
                )
                for name in ("symbol", *COLUMNS)
            }
        )

    def __len__(self) -> int:
        return len(self.symbol)

    @property
    def ticks(self) -> Ticks:
        """What lakehouse.alerting judges."""
        return Ticks(self.symbol, self.at_us, self.seq, self.bid, self.ask, self.price, self.size)

    def take(self, rows: IntArray | slice) -> Self:
        """The ticks at `rows`, in that order."""
        return type(self)(**{name: getattr(self, name)[rows] for name in ("symbol", *COLUMNS)})

    def in_order(self) -> Self:
        """The same ticks, sorted."""
        return self.take(np.lexsort((self.offset, self.partition, self.at_us)))
