"""One look at the newest prices: which rules are broken now. The slow monitor's half; importing this loads numba.

The same functions judge as tick by tick. Rules that need a past are judged by what is known of it (`past.Past`), and
where nothing is, not, which says so by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from lakehouse.alerting.book import Book
from lakehouse.alerting.marks import Ticks
from lakehouse.alerting.monitor import SECOND_US, Monitor
from lakehouse.alerting.past import WHY, Past
from lakehouse.alerting.rules import OF_PORTFOLIO, OF_POSITION, Crossing, Kind, Rule
from lakehouse.risk.checks import FloatArray

NOTHING: Final = Past()
_NO_BEAT_US: Final = 2**62
_NAN: Final = float("nan")


class Standing(StrEnum):
    """Where a value stands: at its bound or beyond, back by the hysteresis, between the two, or unknown."""

    BROKEN = "broken"
    BETWEEN = "between"
    BACK = "back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Price:
    """The newest of a symbol; `at_us` is its event time, `bid` and `ask` NaN where there is none."""

    at_us: int
    mark: float
    bid: float = _NAN
    ask: float = _NAN


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule at a look: the `crossing` of one that is broken, the `reason` where it is not known. `is_told` where the
    hot process is known to have told this very breach."""

    rule: Rule
    standing: Standing
    reason: str = ""
    crossing: Crossing | None = None
    is_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What is held: currencies by symbol and portfolio, `units` by portfolio and symbol, `cash` quanta, None where a
    balance has no rate, and `rates` by `EUR/USD`."""

    symbols: Mapping[str, str]
    portfolios: Mapping[str, str]
    units: Mapping[str, Mapping[str, float]]
    cash: Mapping[str, int | None]
    rates: Mapping[str, float]

    def units_of(self, rule: Rule) -> float:
        """Units of a position rule's position; 0 where nothing is held."""
        return self.units.get(rule.portfolio or "", {}).get(rule.symbol or "", 0.0)

    @property
    def book(self) -> Book:
        """The same in columns."""
        symbols, portfolios = tuple(self.symbols), tuple(self.portfolios)
        place = {name: index for index, name in enumerate(symbols)}
        held = [
            (place[name], owner, units)
            for owner, portfolio in enumerate(portfolios)
            for name, units in self.units.get(portfolio, {}).items()
        ]
        pairs = [f"{self.symbols[symbols[name]]}/{self.portfolios[portfolios[owner]]}" for name, owner, _ in held]
        known = tuple(dict.fromkeys(pairs))
        return Book(
            symbols=symbols,
            portfolios=portfolios,
            symbol=np.array([name for name, _, _ in held], dtype=np.int64),
            portfolio=np.array([owner for _, owner, _ in held], dtype=np.int64),
            units=np.array([units for *_, units in held], dtype=np.float64),
            rate=np.array([known.index(pair) for pair in pairs], dtype=np.int64),
            rates=np.array([self._rate(pair) for pair in known], dtype=np.float64),
            cash=np.array([self.cash.get(each) or 0 for each in portfolios], dtype=np.int64),
        )

    def _rate(self, pair: str) -> float:
        source, _, target = pair.partition("/")
        return 1.0 if source == target else self.rates.get(pair, _NAN)


def look(holdings: Holdings, rules: Sequence[Rule], prices: Mapping[str, Price], past: Past = NOTHING) -> list[Seen]:
    """Each rule, in the order given, at the newest prices. Rules name what the holdings have."""
    reasons = {rule.id: _unknown(holdings, rule, prices, past) for rule in rules}
    judged = [_standing_still(rule, past) for rule in rules if not reasons[rule.id]]
    broken = _broken(holdings, judged, prices, past)
    near = _broken(holdings, [_eased(rule, holdings.units_of(rule)) for rule in judged], prices, past)
    return [_seen(rule, reasons[rule.id], broken.get(rule.id), is_near=rule.id in near) for rule in rules]


def _seen(rule: Rule, reason: str, crossing: Crossing | None, *, is_near: bool) -> Seen:
    if reason:
        return Seen(rule, Standing.UNKNOWN, reason)
    if crossing is not None:
        return Seen(rule, Standing.BROKEN, crossing=replace(crossing, kind=rule.kind))
    return Seen(rule, Standing.BETWEEN if is_near else Standing.BACK)


def _standing_still(rule: Rule, past: Past) -> Rule:
    """At one moment a trailing stop is a stop-loss, where it stands."""
    if rule.kind is not Kind.TRAILING_STOP:
        return rule
    return replace(rule, kind=Kind.STOP_LOSS, limit=past.stops[rule.id])


def _unknown(holdings: Holdings, rule: Rule, prices: Mapping[str, Price], past: Past) -> str:
    """Why the rule cannot be judged by a look; empty where it can."""
    return _unpriced(holdings, rule, prices) or (
        "" if past.knows(rule, holdings.units.get(rule.portfolio or "", {})) else WHY[rule.kind]
    )


def _unpriced(holdings: Holdings, rule: Rule, prices: Mapping[str, Price]) -> str:
    if rule.symbol is not None and rule.symbol not in prices:
        return "its symbol has no price"
    if rule.kind in OF_POSITION:
        return "" if holdings.units_of(rule) else "nothing is held"
    if rule.portfolio is None:
        return ""
    held = {name: units for name, units in holdings.units.get(rule.portfolio, {}).items() if units}
    if not held:
        return "nothing is held"
    currency = holdings.portfolios[rule.portfolio]
    known = all(
        holdings.symbols[name] == currency or f"{holdings.symbols[name]}/{currency}" in holdings.rates for name in held
    )
    if not known or not held.keys() <= prices.keys() or holdings.cash.get(rule.portfolio) is None:
        return "a position has no price, or an amount no rate, or cash is beyond what is judged"
    return ""


def _broken(holdings: Holdings, rules: Sequence[Rule], prices: Mapping[str, Price], past: Past) -> dict[str, Crossing]:
    """The first crossing of each rule that is broken, played as one tick a symbol."""
    newest = max((price.at_us for price in prices.values()), default=0)
    found = {
        rule.id: stale
        for rule in rules
        if rule.kind is Kind.STALE_QUOTE and (stale := _stale(rule, prices, newest)) is not None
    }
    book, ticks = holdings.book, _ticks(holdings, prices)
    # Beats are left out: at one, a symbol whose tick is still to be played would look stale.
    others = [rule for rule in rules if rule.id not in found]
    monitor = Monitor(book, others, memory=past.memory(book), beat_us=_NO_BEAT_US)
    for crossing in (*monitor.play(ticks).crossings, *_of_live_var(book, rules, ticks, past)):
        found.setdefault(crossing.rule_id, crossing)
    return found


def _of_live_var(book: Book, rules: Sequence[Rule], ticks: Ticks, past: Past) -> Sequence[Crossing]:
    """Live VaR is revalued at a beat and judged with the tick after it: so the newest prices are played once more."""
    watched = [rule for rule in rules if rule.kind is Kind.VAR_LIVE]
    if not watched or not len(ticks.at_us):
        return ()
    monitor = Monitor(book, watched, scenarios=past.scenarios(book))
    monitor.play(ticks)
    newest = monitor.newest_us
    monitor.beat(newest + SECOND_US)
    again = ticks._replace(at_us=np.full(len(ticks.at_us), newest + 2 * SECOND_US))
    return [replace(crossing, at_us=newest) for crossing in monitor.play(again).crossings]


def _ticks(holdings: Holdings, prices: Mapping[str, Price]) -> Ticks:
    place = {name: index for index, name in enumerate(holdings.symbols)}
    rows = sorted((price.at_us, place[name], price) for name, price in prices.items() if name in place)
    columns: list[FloatArray] = [
        np.array(column, dtype=np.float64) for column in ([p.bid for *_, p in rows], [p.ask for *_, p in rows])
    ]
    return Ticks(
        symbol=np.array([name for _, name, _ in rows], dtype=np.int64),
        at_us=np.array([at for at, *_ in rows], dtype=np.int64),
        seq=np.arange(len(rows)),
        bid=columns[0],
        ask=columns[1],
        price=np.array([price.mark for *_, price in rows], dtype=np.float64),
        size=np.ones(len(rows)),
    )


def _stale(rule: Rule, prices: Mapping[str, Price], newest: int) -> Crossing | None:
    price = prices.get(rule.symbol or "")
    age = 0.0 if price is None else (newest - price.at_us) / 1e6
    if age < rule.limit:
        return None
    return Crossing(
        rule_id=rule.id,
        subject=rule.subject,
        sequence=1,
        kind=rule.kind,
        at_us=newest,
        row=-1,
        value=age,
        bound=rule.limit,
    )


def _eased(rule: Rule, units: float) -> Rule:
    """The rule at the bound by which its value must be back."""
    if rule.kind is Kind.CROSSED_QUOTE:
        return rule
    share = -rule.hysteresis if _is_above(rule.kind, units) else rule.hysteresis
    return replace(rule, limit=rule.limit * (1.0 + share))


def _is_above(kind: Kind, units: float) -> bool:
    if kind in OF_POSITION:
        return (units > 0) == (kind is Kind.TAKE_PROFIT)
    return kind in OF_PORTFOLIO or kind in {Kind.PRICE_ABOVE, Kind.STALE_QUOTE}
