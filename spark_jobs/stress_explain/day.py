"""A portfolio's day: its transactions folded to what each item was worth, cost and paid, then explained. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from lakehouse.domain.currency import from_minor, minor_digits, rounded_minor
from lakehouse.portfolio.fx import exchanged
from lakehouse.portfolio.transactions import RATIOS, UNITS, Kind
from lakehouse.risk.pnl_explain import EXACT, Explained, Fill, Part, PositionDay, explain_position
from spark_jobs.kit.holdings import Unmeasured
from spark_jobs.stress_explain.market import TwoCloses
from spark_jobs.stress_explain.parameters import Fact

COPY, UNDONE = "copy", "undone"
CENTS = 2
ONE, NOTHING = Decimal(1), Decimal(0)
Units = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Item:
    """What one instrument, or the cash of one currency, gained: worth before and after and all parts in minor units of
    base currency; `explained.total` is the sum of its parts, what the books' copies do not account for included."""

    is_cash: bool
    before: int
    after: int
    explained: Explained


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of a portfolio: units at the close before (None where nobody copied them) and at the close, the
    transactions between in their order, and cash of other currencies at the close before, in minor units."""

    base: str
    before: Units | None
    after: Units
    facts: Sequence[Fact] = ()
    cash: Mapping[str, int] = field(default_factory=dict)

    @property
    def basis(self) -> str:
        """Where the units of the close before are from."""
        return UNDONE if self.before is None else COPY


@dataclass(slots=True)
class _Line:
    """An item while transactions are folded: units of before a split become `factor` units."""

    factor: Decimal = ONE
    fills: list[Fill] = field(default_factory=list)
    income: int = 0
    fees: int = 0

    def units(self, before: Decimal) -> Decimal:
        return before * self.factor + sum((fill.units for fill in self.fills), NOTHING)


@dataclass(slots=True)
class _Fold:
    """A day's transactions by item. Raises Unmeasured for a price or rate that is missing."""

    base: str
    before: Units
    market: TwoCloses
    lines: dict[str, _Line] = field(default_factory=dict)
    cash: dict[str, _Line] = field(default_factory=dict)

    def apply(self, fact: Fact) -> None:
        _APPLY[fact.kind](self, fact)
        if fact.charges_minor:
            self._paying(fact).fees += self._in_base(fact.charges_minor, fact.currency)
        if fact.cash_minor and fact.currency != self.base:
            self._move(fact.currency, fact.cash_minor, self.market.rate(fact.currency, self.base))

    def line(self, symbol: str) -> _Line:
        return self.lines.setdefault(symbol, _Line())

    def _paying(self, fact: Fact) -> _Line:
        return self.line(fact.symbol) if fact.symbol else self.cash.setdefault(fact.currency, _Line())

    def _move(self, currency: str, minor: int, rate: Decimal) -> None:
        """Cash of another currency that came or went at `rate`; at the day's own it gains nothing."""
        fill = Fill(from_minor(minor, currency), ONE, rate)
        self.cash.setdefault(currency, _Line()).fills.append(fill)

    def _in_base(self, minor: int, currency: str) -> int:
        return exchanged(minor, currency, self.base, self.market.rate(currency, self.base))

    def _trade(self, fact: Fact) -> None:
        rate = fact.fx_rate * self.market.rate(fact.currency, self.base)
        self.line(fact.symbol).fills.append(Fill(_signed(fact), fact.price, rate))

    def _transfer(self, fact: Fact) -> None:
        """Units that come or go as they are worth: money put in or taken out, no gain."""
        close = self.market.close(fact.symbol)
        rate = self.market.rate(close.currency, self.base)
        self.line(fact.symbol).fills.append(Fill(_signed(fact), close.price, rate))

    def _split(self, fact: Fact) -> None:
        line = self.line(fact.symbol)
        line.factor *= fact.ratio
        line.fills = [Fill(each.units * fact.ratio, each.price / fact.ratio, each.fx_rate) for each in line.fills]

    def _spin_off(self, fact: Fact) -> None:
        """What is handed out costs nothing; the instrument that hands it out falls."""
        held = self.line(fact.symbol).units(self.before.get(fact.symbol, NOTHING))
        self.line(fact.related_symbol).fills.append(Fill(held * fact.ratio, NOTHING))

    def _income(self, fact: Fact) -> None:
        self._paying(fact).income += self._in_base(fact.gross_minor, fact.currency)

    def _charge(self, fact: Fact) -> None:
        self._paying(fact).fees += self._in_base(fact.gross_minor, fact.currency)

    def _convert(self, fact: Fact) -> None:
        """Cash of one currency for another's: what it brought beyond the day's rates is a gain of the trade."""
        gave, got = from_minor(fact.gross_minor, fact.currency), from_minor(fact.to_minor, fact.to_currency)
        rate = self.market.rate(fact.currency, self.base)
        if fact.to_currency != self.base:
            self._move(fact.to_currency, fact.to_minor, gave * rate / got)
            return
        # What was given moves at the day's rate with all other cash: here it is taken back, and given at its own.
        self._move(fact.currency, fact.gross_minor, rate)
        self._move(fact.currency, -fact.gross_minor, got / gave)

    def _nothing(self, fact: Fact) -> None:
        """Money put in or taken out is no gain."""


_APPLY: Mapping[Kind, Callable[[_Fold, Fact], None]] = {
    **dict.fromkeys(Kind, _Fold._nothing),
    Kind.BUY: _Fold._trade,
    Kind.SELL: _Fold._trade,
    Kind.TRANSFER_IN: _Fold._transfer,
    Kind.TRANSFER_OUT: _Fold._transfer,
    Kind.SPLIT: _Fold._split,
    Kind.REVERSE_SPLIT: _Fold._split,
    Kind.SPIN_OFF: _Fold._spin_off,
    Kind.DIVIDEND: _Fold._income,
    Kind.INTEREST: _Fold._income,
    Kind.FEE: _Fold._charge,
    Kind.TAX: _Fold._charge,
    Kind.CONVERSION: _Fold._convert,
}


def explained(day: Day, market: TwoCloses) -> tuple[Item, ...]:
    """The items of a portfolio's day: instruments, then cash, each by name. Their totals add up to

    worth at the close - worth at the close before - cost of what was traded + income - fees,

    each worth and cost rounded half to even, and the parts of each add up to its total. Units at the close that the
    transactions do not explain are UNEXPLAINED. Raises Unmeasured for what is missing, and CurrencyError.
    """
    if minor_digits(day.base) > CENTS:
        raise Unmeasured(f"amounts of {day.base} have more than {CENTS} decimals, and gold keeps {CENTS}")
    with localcontext(EXACT):
        before = _undone(day) if day.before is None else day.before
        fold = _Fold(day.base, before, market)
        for fact in day.facts:
            fold.apply(fact)
        symbols = sorted({*before, *day.after, *fold.lines})
        instruments = [_instrument(symbol, fold, day.after.get(symbol, NOTHING)) for symbol in symbols]
        return (*instruments, *_cash(fold, day.cash))


def _undone(day: Day) -> dict[str, Decimal]:
    """Units at the close before: those of today less what was traded."""
    if any(fact.kind in RATIOS for fact in day.facts):
        raise Unmeasured("nobody copied the holdings of the close before, and a split or spin-off came after it")
    units = dict(day.after)
    for fact in day.facts:
        if fact.kind in UNITS:
            units[fact.symbol] = units.get(fact.symbol, NOTHING) - _signed(fact)
    return units


def _signed(fact: Fact) -> Decimal:
    return fact.quantity if fact.kind in (Kind.BUY, Kind.TRANSFER_IN) else -fact.quantity


def _instrument(symbol: str, fold: _Fold, held: Decimal) -> Item:
    line, market, base = fold.line(symbol), fold.market, fold.base
    units = fold.before.get(symbol, NOTHING) * line.factor
    if not (units or held or line.fills):
        return _item(PositionDay(symbol, NOTHING, (ONE, ONE), income_minor=line.income, fees_minor=line.fees), base)
    close = market.close(symbol)
    now = market.rate(close.currency, base)
    prices, rates = (close.price, close.price), (now, now)
    if units:
        earlier = market.close_before(symbol)
        if earlier.currency != close.currency:
            raise Unmeasured(f"{symbol} was priced in {earlier.currency} and is now in {close.currency}")
        prices, rates = (earlier.price / line.factor, close.price), market.rates_of(close.currency, base)
    many = market.multiplier(symbol)
    position = PositionDay(symbol, units, prices, rates, many, tuple(line.fills), line.income, line.fees)
    return _item(position, base, missing=held - line.units(fold.before.get(symbol, NOTHING)))


def _cash(fold: _Fold, balances: Mapping[str, int]) -> Iterator[Item]:
    for currency in sorted({*balances, *fold.cash}):
        line = fold.cash.get(currency, _Line())
        amount, now = from_minor(balances.get(currency, 0), currency), fold.market.rate(currency, fold.base)
        rates = fold.market.rates_of(currency, fold.base) if amount else (now, now)
        position = PositionDay(currency, amount, (ONE, ONE), rates, ONE, tuple(line.fills), line.income, line.fees)
        yield _item(position, fold.base, is_cash=True)


def _item(position: PositionDay, base: str, *, missing: Decimal = NOTHING, is_cash: bool = False) -> Item:
    """`missing`: units at the close that no transaction brought; what they are worth is unexplained."""
    found = explain_position(position, base_currency=base)
    before = _worth(position, position.units, 0, base)
    folded = position.units + sum((fill.units for fill in position.fills), NOTHING)
    after = _worth(position, folded + missing, 1, base)
    unexplained = after - _worth(position, folded, 1, base)
    parts = {**found.parts, Part.UNEXPLAINED: found.parts[Part.UNEXPLAINED] + unexplained}
    return Item(is_cash, before, after, Explained(found.name, found.total + unexplained, parts))


def _worth(position: PositionDay, units: Decimal, close: int, base: str) -> int:
    return rounded_minor(units * position.prices[close] * position.multiplier * position.fx_rates[close], base)
