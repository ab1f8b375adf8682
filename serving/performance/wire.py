"""From performance to its wire form."""

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from lakehouse.portfolio.fx import STALE_DAYS
from lakehouse.portfolio.performance import EXPLANATION, Flow, InCurrency, Performance
from lakehouse.portfolio.returns import SubPeriod, TimeWeighted
from lakehouse.portfolio.transactions import from_units
from lakehouse.portfolio.valuation import Reason
from lakehouse.portfolio.xirr import MoneyWeighted
from serving.kit.types import MoneyOut, money_of, plain
from serving.performance.schemas import (
    Explanation,
    FlowOut,
    InCurrencyOut,
    MoneyWeightedOut,
    PartsOut,
    PerformanceOut,
    ReasonOut,
    SimpleOut,
    SubPeriodOut,
    TimeWeightedOut,
)

MAX_MINOR = 10**18
MAX_RATIO = 10**15
EIGHTH = Decimal("0.00000001")


def money(minor: int | None, currency: str) -> MoneyOut | None:
    """An amount, null where it is not known or larger than the API writes."""
    return None if minor is None or abs(minor) >= MAX_MINOR else money_of(minor, currency)


def ratio(value: Decimal | float | None) -> str | None:
    """A ratio with up to eight decimals, null where it is not known or larger than the API writes."""
    exact = None if value is None else Decimal(value)
    if exact is None or abs(exact) >= MAX_RATIO:
        return None
    rounded = plain(exact.quantize(EIGHTH, ROUND_HALF_EVEN))
    return "0" if rounded == "-0" else rounded


def reasons_of(reasons: Iterable[Reason]) -> list[ReasonOut]:
    """Reasons as they are written."""
    return [ReasonOut(code=each.code, names=list(each.names), detail=each.detail) for each in reasons]


def time_weighted_of(found: TimeWeighted) -> TimeWeightedOut:
    """The time-weighted return."""
    return TimeWeightedOut(total=ratio(found.total), annualised=ratio(found.annualised), reason=found.reason)


def money_weighted_of(found: MoneyWeighted) -> MoneyWeightedOut:
    """The money-weighted return."""
    roots = [text for root in found.roots if (text := ratio(root)) is not None]
    return MoneyWeightedOut(rate=ratio(found.rate), period=ratio(found.period), reason=found.reason, candidates=roots)


def simple_of(found: Performance, base: str) -> SimpleOut:
    """The simple gain."""
    simple = found.simple
    return SimpleOut(
        gain=money(simple.gain_minor, base), invested=money(simple.invested_minor, base), ratio=ratio(simple.ratio)
    )


def parts_of(found: Performance, base: str) -> PartsOut:
    """What the gain consists of."""
    parts = found.parts
    return PartsOut(
        realised=money(parts.realised_minor, base),
        unrealised=money(parts.unrealised_minor, base),
        income=money(parts.income_minor, base),
        charges=money(parts.charges_minor, base),
        transferred=money(parts.transferred_minor, base),
        exchange=money(parts.exchange_minor, base),
    )


def currency_of(line: InCurrency) -> InCurrencyOut:
    """The span in one currency."""
    name = line.currency
    return InCurrencyOut(
        currency=name,
        cash=money(line.cash_minor, name),
        positions=money(line.positions_minor, name),
        unrealised=money(line.unrealised_minor, name),
        realised=money(line.realised_minor, name),
        income=money(line.income_minor, name),
        fees=money(line.fee_minor, name),
        taxes=money(line.tax_minor, name),
        net_flow=money(line.net_flow_minor, name),
        converted=money(line.converted_minor, name),
    )


def explanation_of(found: Performance, base: str) -> Explanation:
    """How the numbers came about."""
    return Explanation(
        conventions=list(EXPLANATION),
        flows=[_flow(flow, base) for flow in found.flows],
        sub_periods=[_sub_period(period, base) for period in found.time_weighted.periods],
    )


def json_of(body: PerformanceOut) -> str:
    """The document with the names of the wire."""
    return body.model_dump_json(by_alias=True)


def _flow(flow: Flow, base: str) -> FlowOut:
    return FlowOut(
        day=flow.external.day,
        source=flow.external.source,
        name=flow.external.name,
        amount=money(flow.amount_minor, flow.currency),
        base_amount=money(flow.base_minor, base),
    )


def _sub_period(period: SubPeriod, base: str) -> SubPeriodOut:
    return SubPeriodOut(
        after=period.start,
        until=period.end,
        begin_value=money(period.begin_minor, base),
        end_value=money(period.end_minor, base),
        growth=ratio(period.growth),
        reason=period.reason,
    )


def price(units: int) -> str:
    """A price of units of 10^-8."""
    return plain(from_units(units))


def is_stale(day: date, today: date) -> bool:
    """Whether a price of `day` is more than a week old."""
    return (today - day).days > STALE_DAYS
