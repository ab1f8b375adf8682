"""Performance of a portfolio over a span of days: three returns side by side, and what the gain consists of. Pure.

First `plan` says which days must be valued, then `performance` values them. Conventions are in `EXPLANATION`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext

from lakehouse.portfolio.flows import CashDay, External, Source, Steps, cash_at, externals, holdings_at
from lakehouse.portfolio.returns import PRECISION, Cut, TimeWeighted, time_weighted
from lakehouse.portfolio.valuation import Market, Reason, ReasonCode, Worth, merged, position_minor, worth
from lakehouse.portfolio.xirr import MoneyWeighted, NoRate, Payment, xirr

ONE_DAY = timedelta(days=1)
EXPLANATION = (
    "Days end at midnight UTC and are valued at their closes, unadjusted, and at the exchange rates of the day; the "
    "newest on or before the day counts.",
    "External flows are deposits, withdrawals and transfers of units, the latter at the close of their day. Dividends, "
    "interest, fees and taxes are not external: they are part of the return. A conversion between two currencies of "
    "the portfolio is internal: what one loses the other gains, and what its rate differs from the day's is an effect "
    "of exchange rates.",
    "Time-weighted: the span is cut at every external flow; inflows count from the start of their day, outflows until "
    "its end; growth of a sub-period is end_value / begin_value, and the growths are multiplied.",
    "Money-weighted (XIRR): the yearly rate, actual days over 365, at which the value at the start, all flows and the "
    "value at the end discount to zero. Where several rates do, none is given.",
    "Simple: gain / (value at the start + inflows), with gain = value at the end - value at the start - inflows + "
    "outflows.",
    "The gain consists of realised (closed lots, charges of the trades included), the change of unrealised (value less "
    "cost of open lots), income before charges, charges that belong to no trade (negative), transferred (of units "
    "that came, their cost less their value at the close of that day; of units that left, their value less their cost: "
    "the flow is the value, the lots keep the cost), and the effect of exchange rates, which is what remains.",
    "A price or rate that is missing makes what depends on it null and is named in reasons; it never counts as zero.",
)


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """Lots closed on a day, summed: proceeds less cost is realised."""

    day: date
    cost_currency: str
    cost_minor: int
    proceeds_currency: str
    proceeds_minor: int


@dataclass(frozen=True, slots=True)
class TransferDay:
    """What the lots that were transferred on a day cost, in one currency: positive in, negative out."""

    day: date
    currency: str
    cost_minor: int


@dataclass(frozen=True, slots=True)
class OpenCost:
    """Cost of the lots of a symbol that were open at the close of a day."""

    day: date
    symbol: str
    currency: str
    cost_minor: int


@dataclass(frozen=True, slots=True)
class History:
    """A portfolio's past, in the order in which it was booked.

    Where lots are pooled (method average), the cost of a past day cannot be told from the lots of today.
    """

    steps: Steps
    cash_days: Sequence[CashDay]
    closed_days: Sequence[ClosedDay] = ()
    open_costs: Sequence[OpenCost] = ()
    pools_lots: bool = False
    transfer_days: Sequence[TransferDay] = ()

    @property
    def first_day(self) -> date | None:
        """The day of the first transaction."""
        days = [each.day for each in self.cash_days]
        days.extend(self.steps.days[:1])
        return min(days, default=None)

    def knows_cost(self, day: date) -> bool:
        """Whether `open_costs` is right at the close of `day`."""
        days = self.steps.days
        return not self.pools_lots or not days or days[-1] <= day or days[0] > day


@dataclass(frozen=True, slots=True)
class Plan:
    """The days to value and what to value on each. The span covers the days after `cuts[0]`, up to `cuts[-1]`."""

    cuts: tuple[date, ...]
    holdings: Mapping[date, Mapping[str, int]]
    cash: Mapping[date, Mapping[str, int]]
    externals: tuple[External, ...]

    def spans(self) -> dict[str, tuple[date, date]]:
        """The first and last day on which each symbol must be valued."""
        found: dict[str, tuple[date, date]] = {}
        for day in self.cuts:
            for symbol in self.holdings[day]:
                first, _ = found.get(symbol, (day, day))
                found[symbol] = (first, day)
        for each in self.externals:
            if each.source is Source.UNITS:
                first, last = found.get(each.name, (each.day, each.day))
                found[each.name] = (min(first, each.day), max(last, each.day))
        return found

    def days(self) -> set[date]:
        """The days on which something must be valued."""
        return {*self.cuts, *(each.day for each in self.externals if each.source is Source.UNITS)}


@dataclass(frozen=True, slots=True)
class Flow:
    """An external flow and its worth in the base currency, positive into the portfolio; None where it has none."""

    external: External
    currency: str
    amount_minor: int | None
    base_minor: int | None


@dataclass(frozen=True, slots=True)
class Simple:
    """Gain in money, what it was made with, and the one over the other."""

    gain_minor: int | None
    invested_minor: int | None
    ratio: Decimal | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gain consists of, in the base currency; the parts add up to it. None where a rate is missing."""

    realised_minor: int | None
    unrealised_minor: int | None
    income_minor: int | None
    charges_minor: int | None
    transferred_minor: int | None
    exchange_minor: int | None


@dataclass(frozen=True, slots=True)
class InCurrency:
    """What happened in one currency over the span, in its minor units; fees and taxes are positive."""

    currency: str
    cash_minor: int
    positions_minor: int
    unrealised_minor: int | None
    realised_minor: int
    income_minor: int
    fee_minor: int
    tax_minor: int
    net_flow_minor: int
    converted_minor: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Everything about a span; `begin` is the close before its first day."""

    begin: Worth
    end: Worth
    time_weighted: TimeWeighted
    money_weighted: MoneyWeighted
    simple: Simple
    parts: Parts
    currencies: tuple[InCurrency, ...]
    flows: tuple[Flow, ...]
    reasons: tuple[Reason, ...]


def plan(history: History, first: date, last: date) -> Plan:
    """What must be valued to measure the days from `first` to `last`, which is not before `first`."""
    found = externals(history.cash_days, history.steps, first, last)
    days = {first - ONE_DAY, last, *(each.day - ONE_DAY if each.amount > 0 else each.day for each in found)}
    cuts = tuple(sorted(days))
    return Plan(cuts, holdings_at(history.steps, cuts), cash_at(history.cash_days, cuts), tuple(found))


def performance(history: History, planned: Plan, market: Market) -> Performance:
    """Measure a plan. What cannot be valued is None and named, never zero."""
    worths = [worth(day, planned.holdings[day], planned.cash[day], market) for day in planned.cuts]
    flows = tuple(flow_of(each, market) for each in planned.externals)
    begin, end = worths[0], worths[-1]
    simple = _simple(begin, end, flows)
    reasons = [reason for each in worths for reason in each.reasons]
    reasons += [_unpriced(flow) for flow in flows if flow.base_minor is None]
    reasons += [_no_cost(day) for day in (begin.day, end.day) if not history.knows_cost(day)]
    return Performance(
        begin,
        end,
        time_weighted(_cuts(worths, flows)),
        _money_weighted(begin, end, flows, simple),
        simple,
        _parts(history, begin, end, flows, simple.gain_minor, market),
        _in_currencies(history, begin, end, flows, market),
        flows,
        merged(reasons),
    )


def flow_of(external: External, market: Market) -> Flow:
    """An external flow in money: cash at the day's rate, units at the day's close."""
    if external.source is Source.CASH:
        base = market.exchange.minor(external.amount, external.name, external.day)
        return Flow(external, external.name, external.amount, base)
    asset = market.assets[external.name]
    close = market.prices.find(external.name, external.day)
    if close is None:
        return Flow(external, asset.currency, None, None)
    amount = position_minor(asset, external.amount, close.price)
    return Flow(external, asset.currency, amount, market.exchange.minor(amount, asset.currency, external.day))


def _unpriced(flow: Flow) -> Reason:
    day = flow.external.day
    if flow.amount_minor is None:
        return Reason(ReasonCode.PRICE_MISSING, (flow.external.name,), f"no close on or before {day}")
    return Reason(ReasonCode.RATE_MISSING, (flow.currency,), f"no rate on or before {day}")


def _no_cost(day: date) -> Reason:
    return Reason(ReasonCode.COST_UNKNOWN, (), f"lots are pooled (average): their cost at the close of {day} is gone")


def _cuts(worths: Sequence[Worth], flows: Iterable[Flow]) -> list[Cut]:
    incoming: dict[date, int | None] = {}
    outgoing: dict[date, int | None] = {}
    for flow in flows:
        is_in = flow.external.amount > 0
        side, day = (incoming, flow.external.day - ONE_DAY) if is_in else (outgoing, flow.external.day)
        known = side.get(day, 0)
        side[day] = None if known is None or flow.base_minor is None else known + abs(flow.base_minor)
    return [Cut(each.day, each.value_minor, outgoing.get(each.day, 0), incoming.get(each.day, 0)) for each in worths]


def _simple(begin: Worth, end: Worth, flows: Sequence[Flow]) -> Simple:
    known = [flow.base_minor for flow in flows if flow.base_minor is not None]
    if begin.value_minor is None or end.value_minor is None or len(known) < len(flows):
        return Simple(None, None, None)
    gain = end.value_minor - begin.value_minor - sum(known)
    invested = begin.value_minor + sum(amount for amount in known if amount > 0)
    with localcontext(prec=PRECISION):
        return Simple(gain, invested, Decimal(gain) / invested if invested > 0 else None)


def _money_weighted(begin: Worth, end: Worth, flows: Sequence[Flow], simple: Simple) -> MoneyWeighted:
    if simple.gain_minor is None:
        return MoneyWeighted(None, None, NoRate.VALUE_UNKNOWN)
    return xirr(_payments(begin, end, flows))


def _payments(begin: Worth, end: Worth, flows: Iterable[Flow]) -> list[Payment]:
    """As the investor sees them. What is there at the start is paid in then, what is there at the end taken out."""
    paid = [Payment(flow.external.day, -float(flow.base_minor or 0)) for flow in flows]
    return [
        Payment(begin.day, -float(begin.value_minor or 0)),
        *paid,
        Payment(end.day, float(end.value_minor or 0)),
    ]


def _parts(
    history: History, begin: Worth, end: Worth, flows: Sequence[Flow], gain_minor: int | None, market: Market
) -> Parts:
    exchange = market.exchange
    days = [each for each in history.cash_days if begin.day < each.day <= end.day]
    closed = [each for each in history.closed_days if begin.day < each.day <= end.day]
    realised = _sum(_realised(each, market) for each in closed)
    before, after = _unrealised(history, begin, market), _unrealised(history, end, market)
    unrealised = None if before is None or after is None else after - before
    income = _sum(exchange.minor(each.income_minor, each.currency, each.day) for each in days)
    charges = _sum(exchange.minor(-each.apart_minor, each.currency, each.day) for each in days)
    moved = [each for each in history.transfer_days if begin.day < each.day <= end.day]
    transferred = _transferred(moved, flows, market)
    known = _sum((realised, unrealised, income, charges, transferred))
    rest = None if known is None or gain_minor is None else gain_minor - known
    return Parts(realised, unrealised, income, charges, transferred, rest)


def _transferred(moved: Sequence[TransferDay], flows: Sequence[Flow], market: Market) -> int | None:
    """Cost less value of units that came, value less cost of units that left: the flow counted the value, while what
    is unrealised counts from the cost."""
    cost = _sum(market.exchange.minor(each.cost_minor, each.currency, each.day) for each in moved)
    value = _sum(flow.base_minor for flow in flows if flow.external.source is Source.UNITS)
    return None if cost is None or value is None else cost - value


def _sum(amounts: Iterable[int | None]) -> int | None:
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _realised(closed: ClosedDay, market: Market) -> int | None:
    """The gain in the currency of the proceeds, at the rate of the day on which the lots were closed."""
    return market.exchange.total(_gain(closed), closed.day)


def _gain(closed: ClosedDay) -> dict[str, int]:
    gain = {closed.proceeds_currency: closed.proceeds_minor}
    gain[closed.cost_currency] = gain.get(closed.cost_currency, 0) - closed.cost_minor
    return gain


def _unrealised(history: History, at: Worth, market: Market) -> int | None:
    costs: dict[str, int] = {}
    for each in history.open_costs:
        if each.day == at.day:
            costs[each.currency] = costs.get(each.currency, 0) + each.cost_minor
    value, cost = market.exchange.total(at.positions, at.day), market.exchange.total(costs, at.day)
    is_unknown = not history.knows_cost(at.day) or any(reason.code is ReasonCode.PRICE_MISSING for reason in at.reasons)
    return None if value is None or cost is None or is_unknown else value - cost


def _in_currencies(
    history: History, begin: Worth, end: Worth, flows: Sequence[Flow], market: Market
) -> tuple[InCurrency, ...]:
    days = [each for each in history.cash_days if begin.day < each.day <= end.day]
    closed = [each for each in history.closed_days if begin.day < each.day <= end.day]
    costs, unpriced = _costs(history, end, market)
    if not history.knows_cost(end.day):
        unpriced |= set(end.positions)
    names = {*end.cash, *end.positions, *costs, *unpriced, *(each.currency for each in days)}
    names |= {name for each in closed for name in _gain(each)} | {flow.currency for flow in flows}
    return tuple(
        InCurrency(
            name,
            end.cash.get(name, 0),
            end.positions.get(name, 0),
            None if name in unpriced else end.positions.get(name, 0) - costs.get(name, 0),
            sum(_gain(each).get(name, 0) for each in closed),
            sum(each.income_minor for each in days if each.currency == name),
            sum(each.fee_minor for each in days if each.currency == name),
            sum(each.tax_minor for each in days if each.currency == name),
            sum(flow.amount_minor or 0 for flow in flows if flow.currency == name),
            sum(each.converted_minor for each in days if each.currency == name),
        )
        for name in sorted(names)
    )


def _costs(history: History, end: Worth, market: Market) -> tuple[dict[str, int], set[str]]:
    """Cost of open lots in the currency of their prices, and the currencies in which something has no price."""
    costs: dict[str, int] = {}
    missing = {name for reason in end.reasons if reason.code is ReasonCode.PRICE_MISSING for name in reason.names}
    unpriced = {market.assets[symbol].currency for symbol in missing}
    for each in history.open_costs:
        if each.day != end.day:
            continue
        asset = market.assets[each.symbol]
        cost = market.exchange.across(each.cost_minor, each.currency, asset.currency, end.day)
        if cost is None:
            unpriced.add(asset.currency)
        else:
            costs[asset.currency] = costs.get(asset.currency, 0) + cost
    return costs, unpriced
