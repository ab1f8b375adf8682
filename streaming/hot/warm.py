"""Has the compiled loops ready before the first tick: read from numba's cache, or compiled into it."""

from typing import Final

import numpy as np

from lakehouse.alerting.book import Book
from lakehouse.alerting.monitor import Monitor, Scenarios
from lakehouse.alerting.rules import Kind, Rule
from lakehouse.contracts.topics import TICKS
from streaming.hot.batch import Batch
from streaming.kit.names import names_of, places
from streaming.kit.scan import scan

SCENARIOS: Final = 200


def up() -> None:
    """Read a message, and play one tick of a book of one position. Takes a second, and some more the first time on a
    machine."""
    one = np.zeros(1, np.int64)
    read = scan([TICKS.examples[0].encode()], one, max_message_bytes=1)
    places(names_of(("A",)), read.text, read.start, read.length)
    book = Book(
        symbols=("A",),
        portfolios=("P",),
        symbol=one,
        portfolio=one,
        units=np.ones(1),
        rate=one,
        rates=np.ones(1),
        cash=one,
    )
    rules = [
        Rule(id="stop", kind=Kind.STOP_LOSS, limit=1.0, symbol="A", portfolio="P"),
        Rule(id="stale", kind=Kind.STALE_QUOTE, limit=1.0, symbol="A"),
        Rule(id="live", kind=Kind.VAR_LIVE, limit=0.1, portfolio="P"),
        Rule(id="drawdown", kind=Kind.DRAWDOWN, limit=0.1, portfolio="P"),
    ]
    tick = {name: np.ones(1, column.dtype) for name, column in Batch.empty().ticks._asdict().items()}
    ticks = Batch.empty().ticks._replace(**tick | {"symbol": one})
    monitor = Monitor(book, rules, scenarios=Scenarios(returns=np.zeros((SCENARIOS, 1))))
    monitor.play(ticks)
    monitor.play(ticks._replace(at_us=ticks.at_us + 2_000_000, price=np.full(1, 0.5)))
