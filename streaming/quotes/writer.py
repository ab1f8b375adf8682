"""A flush as one transaction: ticks, bars, latest prices and the offsets behind them, together or not at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock, epoch_us
from lakehouse.domain.quote import PROVIDER, LatestQuote
from lakehouse.stores import quotes, quotes_live
from lakehouse.stores.quotes_live import Claim
from streaming.kit.offsets import Span
from streaming.quotes import bars
from streaming.quotes.bars import LOWEST_PRICE, PRICE_LIMIT, SIZE_LIMIT, Minute, Trades, Window
from streaming.quotes.columns import Ticks
from streaming.quotes.newest import Newest, newest_from, newest_of

KEPT_MINUTES = 50_000
INSTRUMENTS_EVERY_S = 10.0
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Flush:
    """Ticks to be written: `body` is their COPY, `spans` the offsets that they settle. `kafka_ts_us` is
    when each message, good or bad, was stamped."""

    ticks: Ticks
    body: bytes
    spans: Mapping[int, Span]
    kafka_ts_us: np.ndarray


@dataclass(slots=True)
class Written:
    """What a flush did. `accepted`: rows of the master table that it changed; `late`: trades not newer than one of
    their symbol before; `repeats` of these were there already; `too_late`: bars whose ticks are dropped."""

    rows: int
    accepted: list[LatestQuote] = field(default_factory=list)
    bars: int = 0
    rebuilt: int = 0
    late: int = 0
    repeats: int = 0
    too_late: int = 0


class Writer:
    """Writes flushes in the order of their offsets. It remembers what the tables say, so after any error it is thrown
    away, and another begins with what was committed. Owned by one thread."""

    def __init__(
        self, connection: Connection[TupleRow], topic: str, claims: Mapping[int, Claim], *, clock: Clock
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._claims = claims
        self._clock = clock
        self._minutes: dict[Window, Minute] = {}
        self._seen_us: dict[str, int] = {}
        self._newest = {row.symbol: newest_from(row) for row in quotes_live.latest(connection)}
        self._currencies: dict[str, str] = {}
        self._asked_s = float("-inf")

    def write(self, flush: Flush) -> Written:
        """Commit the flush. Raises WriterFenced, and psycopg's errors: then nothing of it was written."""
        self._ask_instruments()
        with self._connection.transaction():
            held = self._hold(flush.spans)
            done = Written(len(flush.ticks))
            known = np.array([name in self._currencies for name in flush.ticks.symbols], np.bool_)
            trades = self._new_trades(bars.trades_of(flush.ticks, known), done)
            if flush.body:
                quotes_live.copy(self._connection, flush.body)
            self._put_bars(trades, _dropped_before_us(held), done)
            self._put_newest(newest_of(flush.ticks, known), done)
            self._tell_providers(flush.ticks)
            nexts = {number: span.last + 1 for number, span in flush.spans.items()}
            quotes_live.advance(self._connection, self._topic, nexts, clock=self._clock)
        return done

    def _ask_instruments(self) -> None:
        now = self._clock.monotonic()
        if now - self._asked_s >= INSTRUMENTS_EVERY_S:
            self._currencies = quotes_live.instruments(self._connection)
            self._asked_s = now

    def _hold(self, spans: Mapping[int, Span]) -> Mapping[int, Claim]:
        held = quotes_live.hold(self._connection, self._topic, {number: self._claims[number] for number in spans})
        moved = [number for number, span in spans.items() if held[number].next_offset != span.first]
        if moved:
            raise quotes_live.WriterFenced(f"{self._topic}{moved}: the table is elsewhere than this process")
        return held

    def _new_trades(self, trades: Trades, done: Written) -> Trades:
        """Without copies of trades that were written before. Only one that is not newer than all before can be one."""
        self._learn({trades.symbols[code] for code in np.unique(trades.code).tolist()})
        seen_us = np.array([self._seen_us.get(name, _NEVER) for name in trades.symbols], np.int64)
        late = np.flatnonzero(trades.at_us <= seen_us[trades.code]) if len(trades.code) else np.empty(0, np.int64)
        done.late = len(late)
        if not len(late):
            return trades
        repeats = quotes_live.repeated(
            self._connection,
            [trades.symbols[code] for code in trades.code[late].tolist()],
            trades.at_us[late].tolist(),
            [trades.providers[code] for code in trades.provider[late].tolist()],
            trades.seq[late].tolist(),
        )
        done.repeats = len(repeats)
        fresh = np.ones(len(trades.code), np.bool_)
        fresh[late[repeats]] = False
        return trades.only(fresh)

    def _learn(self, symbols: set[str]) -> None:
        """Of symbols met for the first time, when their newest tick was: an earlier process may have written it."""
        strange = sorted(symbols - self._seen_us.keys())
        if strange:
            found = quotes_live.newest_times(self._connection, strange)
            self._seen_us.update({name: found.get(name, _NEVER) for name in strange})

    def _put_bars(self, trades: Trades, dropped_us: int, done: Written) -> None:
        touched = bars.fold(trades)
        if not touched:
            return
        strange = [window for window in touched if window not in self._minutes]
        lost = self._lost(strange, dropped_us)
        made_before = [window for window in strange if window not in lost and not self._begins(window)]
        anew = self._rebuilt(made_before)
        done.too_late, done.rebuilt = len(lost), len(made_before)
        for window, minute in touched.items():
            if window in lost:
                continue
            held = self._minutes.pop(window, None)  # put last again: the oldest touched are forgotten first
            if window in anew:
                held = anew[window]
            elif held is None:
                held = minute
            else:
                held.add(minute)
            self._minutes[window] = held
        self._write_bars([window for window in touched if window not in lost], done)
        for symbol, at_us in bars.newest_us(trades).items():
            self._seen_us[symbol] = max(self._seen_us[symbol], at_us)
        self._forget()

    def _begins(self, window: Window) -> bool:
        """Whether no trade of the symbol can have been in that minute, or after it, before this flush."""
        return self._seen_us[window[0]] < window[1]

    def _lost(self, windows: list[Window], dropped_us: int) -> set[Window]:
        """Those that have a bar whose ticks were dropped: it stays as it is."""
        old = [window for window in windows if window[1] < dropped_us]
        return quotes_live.have_bars(self._connection, old) if old else set()

    def _rebuilt(self, windows: list[Window]) -> dict[Window, Minute]:
        """Bars from all their ticks, those of this flush among them."""
        if not windows:
            return {}
        rows = quotes_live.trades_in(self._connection, windows, lowest=LOWEST_PRICE, limit=PRICE_LIMIT, most=SIZE_LIMIT)
        symbols, code = _coded(rows.symbols)
        providers, provider = _coded(rows.providers)
        numbers = np.array(rows.at_us, np.int64), np.array(rows.seqs, np.int64)
        floats = np.array(rows.prices, np.float64), np.array(rows.sizes, np.float64)
        return bars.fold(Trades(symbols, code, providers, provider, *numbers, *floats))

    def _write_bars(self, windows: Iterable[Window], done: Written) -> None:
        made = [self._minutes[window].bar(window) for window in windows]
        if not made:
            return
        done.bars = quotes.put_bars(self._connection, made, clock=self._clock)
        starts = [(bar.symbol, bar.starts_at) for bar in made]
        quotes_live.fold_five_minutes(self._connection, starts, clock=self._clock)

    def _forget(self) -> None:
        while len(self._minutes) > KEPT_MINUTES:
            self._minutes.pop(next(iter(self._minutes)))

    def _put_newest(self, told: Mapping[str, Newest], done: Written) -> None:
        for symbol, newest in told.items():
            held = self._newest.get(symbol)
            self._newest[symbol] = newest if held is None else held.joined(newest)
        given = [self._newest[symbol].quote(symbol, self._currencies[symbol]) for symbol in told]
        quoted = [quote for quote in given if quote is not None]
        if quoted:
            done.accepted = quotes_live.replace_latest(self._connection, quoted, clock=self._clock)

    def _tell_providers(self, ticks: Ticks) -> None:
        counts = np.bincount(ticks.provider, minlength=len(ticks.providers)).tolist()
        newest = np.full(len(ticks.providers), _NEVER, np.int64)
        np.maximum.at(newest, ticks.provider, ticks.at_us)
        told = {
            name: (count, int(at_us))
            for name, count, at_us in zip(ticks.providers, counts, newest, strict=True)
            if count and PROVIDER.fullmatch(name)
        }
        if told:
            quotes_live.tell_providers(self._connection, told, clock=self._clock)


def _coded(names: Iterable[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct names in order, and the place of each."""
    listed = list(names)
    distinct = tuple(sorted(set(listed)))
    place = {name: index for index, name in enumerate(distinct)}
    return distinct, np.array([place[name] for name in listed], np.int32)


def _dropped_before_us(held: Mapping[int, Claim]) -> int:
    """The end of the ticks that were dropped, in microseconds since 1970."""
    ends = [claim.dropped_before for claim in held.values() if claim.dropped_before is not None]
    return epoch_us(max(ends)) if ends else _NEVER
