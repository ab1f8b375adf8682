"""A book watched by rules: ticks in, crossings out. One writer; no clock but the ticks' own event time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lakehouse.alerting.book import QUANTA, BadBook, Book, values, worth
from lakehouse.alerting.columns import FOUND, NEVER, Records, positions_of, summed, tables_of, totals_of
from lakehouse.alerting.kernel import Board, Rows, judge_ages, play, swing
from lakehouse.alerting.marks import Followed, Market, Ticks, follow
from lakehouse.alerting.memory import (
    PORTFOLIO_MEMORY,
    Memory,
    OfPortfolios,
    recall_market,
    recall_portfolios,
    recall_rules,
    remembered,
)
from lakehouse.alerting.rules import AlertingError, Crossing, Kind, Rule, State
from lakehouse.risk.checks import Confidence, FloatArray, IntArray, tail_observations
from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.var import historical_var

SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Simple returns (S, N) of the book's symbols in stored scenarios, NaN where a symbol has none, and how VaR is read
    off them. A position's P&L is its worth times the return: of options and bonds that is the first order only."""

    returns: FloatArray
    confidence: Confidence = 0.99
    quantile: Quantile = Quantile.LOWER


@dataclass(frozen=True, slots=True)
class Played:
    """What a batch did to the market, and the rules that it broke, in the order of its ticks."""

    followed: Followed
    crossings: tuple[Crossing, ...]


class Monitor:
    """Judges ticks by rules, each tick after those before it.

    Prices and quotes are judged by their own symbol's ticks; a portfolio's rules at every tick that marks one of its
    positions; stale quotes and live VaR at beats, every `beat_us` of event time, before the tick that passes one. A
    portfolio of which a position has no mark or no rate is not judged. A change of the book is judged with the next
    tick of a position.
    """

    def __init__(
        self,
        book: Book,
        rules: Sequence[Rule],
        *,
        memory: Memory | None = None,
        scenarios: Scenarios | None = None,
        beat_us: int = SECOND_US,
    ) -> None:
        """Raises BadBook where a rule names what the book does not have, AlertingError for a rule that comes twice."""
        past = memory or Memory()
        # Its own columns of what changes: they are written in place.
        book = replace(book, units=book.units.copy(), cash=book.cash.copy(), rates=book.rates.copy())
        self.book, self.market = book, Market.empty(len(book.symbols))
        recall_market(past, book.symbols, self.market)
        positions, self._order = positions_of(book, self.market.mark)
        tables, self._rules = tables_of(rules, book, self._order)
        self._ids = tuple(rule.id for rule in self._rules)
        totals = totals_of(book, positions.held, self._order)
        recall_portfolios(past, book.portfolios, totals)
        self._place = {rule.id: place for place, rule in enumerate(self._rules)}
        if len(self._place) != len(rules):
            raise AlertingError("two rules have one id")
        self._seen = np.zeros(len(rules), np.int64)
        self._tables = tables
        self._board = Board(*tables, positions, totals, self.market.at_us.copy(), past.time.copy())
        sides = self._sides()
        recall_rules(past, self._ids, tables, self._seen, sides)
        self._turned(sides, self._sides())
        self._found: Records = np.zeros(2 * len(rules) + 2, FOUND)
        self._beat_us, self._scenarios = beat_us, scenarios
        self._live = _with_live_var(self._rules, book)
        self._moves = None if scenarios is None else _moves(scenarios, book)

    def play(self, ticks: Ticks) -> Played:
        """Move everything through the batch. Raises BadTicks before anything is moved."""
        followed = follow(self.market, ticks)
        rows = Rows(ticks.symbol, ticks.at_us, followed.counted, followed.mark, followed.crossed)
        crossings: list[Crossing] = []
        row, count = 0, len(ticks.symbol)
        while row < count:
            row = play(self._board, self._found, rows, row, len(self._rules))
            crossings += self._told()
            if row < count and ticks.at_us[row] >= self._board.time[1]:
                self._beat(int(ticks.at_us[row]), row)
                crossings += self._told()
        return Played(followed, tuple(crossings))

    def beat(self, at_us: int) -> tuple[Crossing, ...]:
        """Time passes to `at_us` without a tick: quotes age. Part of the sequence: a replay needs the same beats."""
        board = self._board
        if at_us < board.time[1]:
            return ()
        board.time[0] = max(board.time[0], at_us)
        self._beat(at_us, -1)
        return tuple(self._told())

    def state(self, rule_id: str) -> State:
        """How the rule stands. Raises KeyError for one that is not watched."""
        place = self._place[rule_id]
        rule = self._at(place)
        if rule["paused"]:
            return State.PAUSED
        if not rule["fired"]:
            return State.ACTIVE
        return State.ACKNOWLEDGED if self._seen[place] == rule["crossings"] else State.TRIGGERED

    def acknowledge(self, rule_id: str) -> None:
        """Its owner has seen all its crossings so far. What fires, and when, does not depend on it."""
        place = self._place[rule_id]
        self._seen[place] = self._at(place)["crossings"]

    def pause(self, rule_id: str) -> None:
        """Judge it no more, until it is resumed."""
        self._at(self._place[rule_id])["paused"] = True

    def resume(self, rule_id: str) -> None:
        """Judge it from the next tick on, armed; a trailing stop follows the price from there."""
        rule = self._at(self._place[rule_id])
        if rule["paused"]:
            rule["paused"] = False
            self.rearm(rule_id)

    def rearm(self, rule_id: str) -> None:
        """Arm it, though its value is not back: what is still broken fires with the next tick."""
        _anew(self._at(self._place[rule_id]))
        self._board.totals["slack"] = 0

    def restate(
        self, *, units: FloatArray | None = None, cash: IntArray | None = None, rates: FloatArray | None = None
    ) -> None:
        """The book as it is now, with the same positions and portfolios, in its own order. Raises BadBook.

        Rules of a position that was opened, or went from long to short or back, start anew.
        """
        before, book = self._sides(), self.book
        pairs = ((book.units, units), (book.cash, cash), (book.rates, rates))
        if any(new is not None and new.shape != old.shape for old, new in pairs):
            raise BadBook("positions, portfolios and rates stay as many as they were")
        if units is not None and not np.isfinite(units).all():
            raise BadBook("units are finite")
        for old, new in pairs:
            if new is not None:
                old[:] = new
        positions, totals = self._board.positions, self._board.totals
        value = values(self.book, self.market.mark)
        positions.held["units"], positions.held["value"] = self.book.units[self._order], value[self._order]
        positions.rates[:], totals["cash"] = self.book.rates, self.book.cash
        summed(positions.held, worth(self.book, value), totals)
        self._turned(before, self._sides())

    def moved_cash(self, portfolio: str, flow: int) -> None:
        """Quanta came from outside, or went there: no gain and no loss, so what they are measured from moves too."""
        totals, owner = self._board.totals, self.book.portfolios.index(portfolio)
        totals["cash"][owner] += flow
        totals["slack"][owner] = 0
        self.book.cash[owner] += flow
        for level in (totals["peak"], totals["opening"]):
            if level[owner] != NEVER:
                level[owner] += flow

    def open_day(self) -> None:
        """Daily losses are measured from the equity of now; of a portfolio that is not wholly priced, from none."""
        totals = self._board.totals
        totals["opening"] = np.where(totals["missing"] == 0, self.equity, NEVER)
        totals["slack"] = 0

    def open_late(self) -> None:
        """Portfolios without an opening, as they were not wholly priced when the day was opened, are measured from the
        equity of now where they are priced."""
        totals = self._board.totals
        late = (totals["opening"] == NEVER) & (totals["missing"] == 0)
        totals["opening"][late] = self.equity[late]
        totals["slack"][late] = 0

    @property
    def standing(self) -> tuple[IntArray, ...]:
        """(P,) each: equity, net and gross worth, how many positions are missing, the opening and the highest equity;
        quanta, NEVER where an opening or a highest is not known."""
        totals = self._board.totals
        known = (np.array(totals[name], dtype=np.int64) for name in ("net", "gross", "missing", "opening", "peak"))
        return self.equity, *known

    @property
    def newest_us(self) -> int:
        """The newest event time of all, NEVER before the first tick."""
        return int(self._board.time[0])

    def measured(self, var: FloatArray) -> None:
        """VaR (P,) of the last batch, units of each portfolio's currency, NaN where there is none."""
        self._board.totals["batch"] = var * QUANTA
        self._board.totals["slack"] = 0

    @property
    def equity(self) -> IntArray:
        """(P,) quanta, without the positions that have no price."""
        equity: IntArray = self._board.totals["cash"] + self._board.totals["net"]
        return equity

    @property
    def values(self) -> IntArray:
        """(I,) quanta of the book's positions, UNKNOWN where there is no price or rate."""
        value = np.empty(len(self._order), np.int64)
        value[self._order] = self._board.positions.held["value"]
        return value

    @property
    def missing(self) -> IntArray:
        """(P,) how many positions have no price or rate: a portfolio with any is not judged."""
        return np.array(self._board.totals["missing"], dtype=np.int64)

    def memory(self) -> Memory:
        """All that was learnt, between two batches: with it, another monitor goes on where this one is."""
        return Memory(
            symbols=self.book.symbols,
            market=Market._make(column.copy() for column in self.market),
            rules=remembered(self._ids, self._tables, self._seen, self._sides()),
            portfolios=OfPortfolios(
                self.book.portfolios, *(self._board.totals[name].copy() for name in PORTFOLIO_MEMORY)
            ),
            time=self._board.time.copy(),
        )

    def _at(self, place: int) -> np.void:
        """The record of a rule, to be read and written."""
        for table in self._tables:
            if place < len(table.rules):
                record: np.void = table.rules[place]
                return record
            place -= len(table.rules)
        raise IndexError(place)

    def _sides(self) -> IntArray:
        """(R,) 1 where a rule's position is held long, -1 short, 0 where it has none."""
        position = np.concatenate([table.rules["position"] for table in self._tables])
        units = np.append(self._board.positions.held["units"], 0.0)  # the one that -1 means
        sides: IntArray = np.sign(units[position]).astype(np.int64)
        return sides

    def _turned(self, before: IntArray, after: IntArray) -> None:
        """Start the rules anew whose position is held another way than `before`."""
        for place in np.flatnonzero((before != after) & (after != 0)).tolist():
            _anew(self._at(place))

    def _beat(self, at_us: int, row: int) -> None:
        """The newest beat that `at_us` passes; before the first tick of all there is none."""
        time = self._board.time
        beat = at_us - at_us % self._beat_us
        if time[2] == NEVER:
            time[2] = at_us
        else:
            judge_ages(self._board, self._found, row, beat)
            self._revalue_scenarios()
        time[1] = beat + self._beat_us

    def _revalue_scenarios(self) -> None:
        if self._moves is None or self._scenarios is None or not len(self._live):
            return
        totals = self._board.totals
        totals["live"][self._live] = np.nan
        totals["slack"][self._live] = 0
        owners = self._live[totals["missing"][self._live] == 0]
        pnl = swing(self._board.positions, self._moves, owners)
        known = np.isfinite(pnl).all(axis=0)
        if known.any():
            confidence, quantile = self._scenarios.confidence, self._scenarios.quantile
            totals["live"][owners[known]] = historical_var(pnl[:, known], confidence=confidence, quantile=quantile)

    def _told(self) -> list[Crossing]:
        size = int(self._found["row"][0])
        found, self._found["row"][0] = self._found[1 : 1 + size], 0
        columns = [found[name].tolist() for name in ("rule", "sequence", "at_us", "row", "value", "bound")]
        return [_crossing(self._rules[rule], *rest) for rule, *rest in zip(*columns, strict=True)]


def _anew(rule: np.void) -> None:
    rule["fired"], rule["best"] = False, np.nan


def _crossing(rule: Rule, sequence: int, at_us: int, row: int, value: float, bound: float) -> Crossing:
    return Crossing(
        rule_id=rule.id,
        subject=rule.subject,
        sequence=sequence,
        kind=rule.kind,
        at_us=at_us,
        row=row,
        value=value,
        bound=bound,
    )


def _with_live_var(rules: Sequence[Rule], book: Book) -> IntArray:
    """The portfolios that have a rule of live VaR."""
    owners = {rule.portfolio for rule in rules if rule.kind is Kind.VAR_LIVE}
    return np.flatnonzero([name in owners for name in book.portfolios]).astype(np.int64)


def _moves(scenarios: Scenarios, book: Book) -> FloatArray:
    """(N, S), each symbol's scenarios together."""
    count, symbols = scenarios.returns.shape
    if symbols != len(book.symbols) or count < tail_observations(scenarios.confidence):
        raise AlertingError(f"scenarios {scenarios.returns.shape} are too few, or not of the book's symbols")
    return np.ascontiguousarray(scenarios.returns.T)
