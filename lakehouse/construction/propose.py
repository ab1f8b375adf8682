"""From holdings and a policy to a proposal. Heavy: imports skfolio and cvxpy.

The order of steps: regime, aim, limits, target weights, a step towards them, bands, whole lots within the cash, tax
lots, risk before and after. Each is a function of its own room; this one puts them in order and gives the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np

from lakehouse.construction.allocate import allocate
from lakehouse.construction.left import beyond, bought_by_orders, kept_for_orders, through_zero
from lakehouse.construction.limits import Group, Limits
from lakehouse.construction.lots import BASE, NO_SHORT, Basket, Short, WholeLots, whole_lots
from lakehouse.construction.model import Allocation, Goal, Market, Status
from lakehouse.construction.policy import Aim, Policy, outside, towards
from lakehouse.construction.proposal import (
    Line,
    Proposal,
    ProposalStatus,
    ProposedTrade,
)
from lakehouse.construction.regime import RegimeReading
from lakehouse.construction.taxes import Sale, TaxLot, closing, tax_due
from lakehouse.construction.yearly import calmed, is_too_volatile, risk_of, told_of
from lakehouse.domain.money import CENT, cents
from lakehouse.portfolio.lots import LotMethod
from lakehouse.risk.checks import FloatArray, InvalidParameter
from lakehouse.trading.order import Side
from lakehouse.trading.reservation import SHORT_COLLATERAL

INVESTED = 0.5
"""A portfolio of which less than this share of its budget is invested is bought at once: pace and turnover are for
changes, not for the first investment."""
FIRST = "first investment: pace and turnover limits are for later changes"
UNKNOWN_LOTS = "which lots it closes is not told: fewer units are in open lots than were held at the close"
WASH = "a loss of this sale may not count for tax: units that stay were bought within the 30 days before"

BUYS_BACK = "buys back what was sold short"
UNKNOWN_SHORT = "what that gains is not told: cash is kept back for fewer units than were short at the close"
CONVERTED = (
    "paid in {currency}, at {price:f} a unit: cash of {base} is converted first where sales in {currency} do not bring "
    "enough"
)
STAYS = (
    "paid in {currency}, at {price:f} a unit: what it brings pays for no purchase in another currency until it is "
    "converted, and its gain and tax, of lots in another currency than {base}, are not counted"
)
SELLS_SHORT = f"sells short: {SHORT_COLLATERAL:.0%} of what it brings is kept back"


@dataclass(frozen=True, slots=True)
class Foreign:
    """What is paid in another currency than the portfolio's, and the close of a unit in it."""

    currency: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a portfolio holds at a close: units by symbol, closes of all symbols of the market, cash, open tax lots in
    the order in which they were opened. `kept` units are promised to open orders, and `coming` ones may be bought by
    others; `lot_method` is the account's; `foreign` has the symbols that are paid in another currency, of whose lots
    nothing is known. `shorts` are kept back out of the cash, by symbol; `may_short` says whether the account may sell
    short at all, which it never does in another currency."""

    portfolio_id: UUID
    business_date: date
    currency: str
    cash: Decimal
    units: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    lots: Mapping[str, Sequence[TaxLot]]
    kept: Mapping[str, Decimal] = field(default_factory=dict)
    coming: Mapping[str, Decimal] = field(default_factory=dict)
    lot_method: LotMethod = LotMethod.SPECIFIC
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
    shorts: Mapping[str, Short] = field(default_factory=dict)
    may_short: bool = False


def propose(holdings: Holdings, policy: Policy, market: Market, reading: RegimeReading) -> Proposal:
    """The proposal for `holdings` under `policy`.

    `market` covers what is held and what may be bought, in the order that weights have here. Bands decide whether to
    trade at all. Never raises for a problem without a solution: the proposal then keeps what is held and says why.
    Raises InvalidParameter for holdings without a place in the market, KeyError for one without a price.
    """
    return _Making(holdings, policy, market, reading).proposal()


class _Making:
    def __init__(self, holdings: Holdings, policy: Policy, market: Market, reading: RegimeReading) -> None:
        self.holdings, self.policy, self.market, self.reading = holdings, policy, market, reading
        self.aim: Aim = policy.aims[reading.regime]
        self.symbols = market.symbols
        if strange := set(holdings.units) - set(self.symbols):
            raise InvalidParameter(f"held, but not in the market: {', '.join(sorted(strange))}")
        self.units = tuple(holdings.units.get(symbol, Decimal(0)) for symbol in self.symbols)
        self.kept = tuple(abs(holdings.kept.get(symbol, Decimal(0))) for symbol in self.symbols)
        self.prices = tuple(holdings.prices[symbol] for symbol in self.symbols)
        self.shorts = tuple(holdings.shorts.get(symbol, NO_SHORT) for symbol in self.symbols)
        cash = holdings.cash + sum((short.kept for short in self.shorts), Decimal(0))
        self.value = cash + sum((q * p for q, p in zip(self.units, self.prices, strict=True)), Decimal(0))
        self.reasons: list[str] = []
        self.least = self.aim.min_weight if holdings.may_short else 0.0
        """The smallest weight that the policy and the account allow."""

    def proposal(self) -> Proposal:
        if self.value <= 0:
            return self._still(ProposalStatus.REFUSED, np.zeros(len(self.symbols)), "the portfolio is worth nothing")
        before = self._weights(self.units)
        if self.aim.min_weight < self.least:
            self.reasons.append("the account may not sell short: only long positions are wanted")
        first = self._is_first(before, 1 - self.aim.cash)
        limits, goal = self._limits(), self._goal()
        allocation = self._allocated(goal, limits.without_trading_limits() if first else limits, before)
        solved = allocation.status is Status.SOLVED
        if first and solved and not self._is_first(before, float(np.abs(allocation.weights).sum())):
            # A limit of risk lets less be invested than the aim: of that, much is invested already.
            first, allocation = False, self._allocated(goal, limits, before)
        self.reasons += allocation.reasons
        if allocation.status is not Status.SOLVED:
            return self._done(ProposalStatus.KEPT, allocation, before, before, None)
        target = allocation.weights
        hurry = FIRST if first else self._hurry(before, limits)
        step = target if hurry else towards(before, target, self.policy.pace)
        if hurry:
            self.reasons.append(hurry)
        elif self._fits(before, self._middle(goal, target)):
            return self._done(ProposalStatus.WITHIN_BANDS, allocation, before, before, None)
        traded = self._trade(step, limits)
        status = ProposalStatus.PROPOSED if any(traded.lots) else ProposalStatus.NOTHING_TO_TRADE
        return self._done(status, allocation, before, step, traded)

    def _fits(self, before: FloatArray, target: FloatArray) -> bool:
        """Whether all weights, and the cash, are within their bands."""
        bands = self.policy.bands
        return bool(not outside(before, target, bands).any() and abs((before - target).sum()) <= bands.absolute)

    def _middle(self, goal: Goal, target: FloatArray) -> FloatArray:
        """Where bands are measured from: where weights go only to the edge of their band, it is the aim's own targets,
        unless there is more cash than these say."""
        own = target if goal.bands is None else np.array(goal.targets)
        return target if is_too_volatile(own, self.market, self.policy.max_volatility) else own

    def _is_first(self, before: FloatArray, budget: float) -> bool:
        return bool(np.abs(before).sum() < INVESTED * budget)

    def _allocated(self, goal: Goal, limits: Limits, before: FloatArray) -> Allocation:
        found = allocate(goal, self.market, limits, before)
        return calmed(found, self.market, self.policy.max_volatility, limits, before)

    def _hurry(self, before: FloatArray, limits: Limits) -> str:
        """Why the target is gone to at once, whatever the bands and the pace; empty where nothing is so urgent."""
        # However little it is, and all else moves to pay for it.
        if bool(((before < 0) & (np.array(limits.lower) == 0)).any()):
            return "short positions that the policy does not allow are bought back at once"
        if is_too_volatile(before, self.market, self.policy.max_volatility):
            return "what is held is more volatile than the objective bears: that is changed at once"
        return ""

    def _budget(self) -> float:
        aim = self.aim
        return min(1.0, sum(weight for _, weight in aim.targets) if aim.targets else 1 - aim.cash)

    def _goal(self) -> Goal:
        targets, budgets = self._vector(self.aim.targets), self._vector(self.aim.budgets)
        bands = self.policy.bands
        edges = targets is not None and bands.to_edge
        return Goal(
            self.aim.objective,
            targets=targets,
            bands=tuple(bands.width(np.array(targets)).tolist()) if edges else None,
            risk_budget=budgets,
            costs=self._rates(),
        )

    def _may_short(self, symbol: str) -> bool:
        return self.least < 0 and symbol not in self.policy.excluded and symbol not in self.holdings.foreign

    def _vector(self, told: Sequence[tuple[str, float]]) -> tuple[float, ...] | None:
        by_symbol = dict(told)
        return tuple(by_symbol.get(symbol, 0.0) for symbol in self.symbols) if by_symbol else None

    def _limits(self) -> Limits:
        aim, policy = self.aim, self.policy
        budgets = {symbol for symbol, _ in aim.budgets} or set(self.symbols)
        allowed = [symbol in budgets and symbol not in policy.excluded for symbol in self.symbols]
        place = {symbol: i for i, symbol in enumerate(self.symbols)}
        groups = [
            Group(s.name, tuple(place[symbol] for symbol in s.symbols if symbol in place), s.lower, s.upper)
            for s in policy.sectors
        ]
        return Limits(
            lower=tuple(self.least if self._may_short(s) and s in budgets else 0.0 for s in self.symbols),
            upper=tuple(aim.max_weight if may else 0.0 for may in allowed),
            groups=tuple(group for group in groups if group.members or group.lower > 0),
            budget=self._budget(),
            max_turnover=aim.max_turnover,
            max_cost=aim.max_cost,
            costs=self._rates(),
            cardinality=aim.cardinality,
            max_gross=aim.max_gross if self.least < 0 else None,
        )

    def _rates(self) -> tuple[float, ...]:
        """What trading costs as a share of the traded value, the fee of an order aside."""
        costs = self.policy.costs
        return tuple(float(costs.rate + costs.per_share / price) for price in self.prices)

    def _trade(self, step: FloatArray, limits: Limits) -> WholeLots:
        """Costs lower the capital: wanted values are shares of what is left of the value after them."""
        left = self.value
        for _ in range(2):
            basket = self._basket(step, left)
            paid = sum(
                (
                    abs(want - q * p) * self.policy.costs.rate
                    for want, q, p in zip(basket.wanted, self.units, self.prices, strict=True)
                ),
                Decimal(0),
            )
            left = self.value - paid
        basket = self._basket(step, left)
        found = whole_lots(basket)
        self.reasons += [found.reason] if found.reason else []
        self.reasons += through_zero(basket, self.symbols)
        self.reasons += kept_for_orders(basket, self.symbols, found.lots)
        # What buys back a short is told above: no order goes through zero.
        coming = self.holdings.coming.items()
        self.reasons += bought_by_orders({s: n for s, n in coming if self.holdings.units.get(s, 0) >= 0})
        one_lot = self._weights((Decimal(self.policy.lot_size),) * len(self.symbols))
        self.reasons += beyond(limits, self.symbols, self._after(basket, found.lots), one_lot)
        return found

    def _basket(self, step: FloatArray, value: Decimal) -> Basket:
        foreign = self.holdings.foreign
        wanted = tuple((Decimal(repr(weight)) * value).quantize(Decimal("0.01")) for weight in step.tolist())
        return Basket(
            self.units,
            self.prices,
            wanted,
            self.holdings.cash,
            self.policy.costs,
            self.policy.lot_size,
            self.policy.min_trade,
            self.kept,
            self.shorts,
            tuple(map(self._may_short, self.symbols)),
            None if self.aim.max_gross is None or self.least == 0 else Decimal(repr(self.aim.max_gross)),
            tuple(foreign[s].currency if s in foreign else BASE for s in self.symbols),
        )

    def _after(self, basket: Basket, lots: Sequence[int]) -> FloatArray:
        """Weights after trading these lots, of what their costs leave of the value; zeros where they leave nothing."""
        units = [q + n * self.policy.lot_size for q, n in zip(self.units, lots, strict=True)]
        left = basket.equity_after(lots)
        return self._weights(units, left) if left > 0 else np.zeros(len(units))

    def _weights(self, units: Sequence[Decimal], value: Decimal | None = None) -> FloatArray:
        whole = self.value if value is None else value
        return np.array([float(q * p / whole) for q, p in zip(units, self.prices, strict=True)])

    def _still(self, status: ProposalStatus, before: FloatArray, reason: str) -> Proposal:
        self.reasons.append(reason)
        return self._done(status, None, before, before, None)

    def _done(
        self,
        status: ProposalStatus,
        allocation: Allocation | None,
        before: FloatArray,
        step: FloatArray,
        traded: WholeLots | None,
    ) -> Proposal:
        basket = self._basket(step, self.value)
        lots = traded.lots if traded else (0,) * len(self.symbols)
        cash = basket.cash_after(lots)
        after = self._after(basket, lots)
        target = allocation.weights if allocation and allocation.status is Status.SOLVED else before
        if status is not ProposalStatus.REFUSED:
            policy = self.policy
            self.reasons += told_of(after, self.market, most=policy.max_volatility, wanted=policy.target_return)
        trades, tax = self._trades(basket, lots)
        notional = sum((trade.notional for trade in trades), Decimal(0))
        return Proposal(
            portfolio_id=self.holdings.portfolio_id,
            business_date=self.holdings.business_date,
            currency=self.holdings.currency,
            status=status,
            reasons=tuple(self.reasons),
            regime=self.reading.regime,
            regime_source=self.reading.source,
            objective=self.aim.objective,
            value=self.value,
            cash_before=self.holdings.cash,
            cash_after=cash,
            trades=trades,
            lines=tuple(
                Line(symbol, *map(float, weights))
                for symbol, *weights in zip(self.symbols, before, target, step, after, strict=True)
            ),
            drift_before=drift(before, target),
            drift_after=drift(after, target),
            turnover=float(notional / self.value) if self.value > 0 else 0.0,
            cost=sum((trade.cost for trade in trades), Decimal(0)),
            tax=tax,
            risk_before=risk_of(before, self.market),
            risk_after=risk_of(after, self.market),
            lots_method=traded.method if traded else "none",
            solver=allocation.solver if allocation else "none",
            conventions=allocation.conventions if allocation else "",
            versions=dict(allocation.versions) if allocation else {},
        )

    def _trades(self, basket: Basket, lots: Sequence[int]) -> tuple[tuple[ProposedTrade, ...], Decimal]:
        trades = tuple(self._one(basket, i, count) for i, count in enumerate(lots) if count)
        short = sum((trade.short_gain for trade in trades), Decimal(0))
        long = sum((trade.long_gain for trade in trades), Decimal(0))
        return trades, tax_due(short, long, self.policy.taxes)

    def _one(self, basket: Basket, place: int, lots: int) -> ProposedTrade:
        symbol, quantity = self.symbols[place], Decimal(abs(lots) * self.policy.lot_size)
        open_lots = self.holdings.lots.get(symbol, ())
        sale: Sale | None = None
        closes_long = lots < 0 < self.units[place]
        if closes_long and sum((lot.quantity for lot in open_lots), Decimal(0)) >= quantity:
            day = self.holdings.business_date
            method = self.holdings.lot_method
            sale = closing(open_lots, quantity, self.prices[place], on=day, rates=self.policy.taxes, method=method)
        return ProposedTrade(
            symbol=symbol,
            side=Side.BUY if lots > 0 else Side.SELL,
            quantity=quantity,
            reference_price=self.prices[place],
            notional=abs(basket.notional(place, lots)),
            cost=basket.cost(place, lots),
            lots=sale.picks if sale else (),
            short_gain=sale.short_gain if sale else self._cover_gain(place, lots),
            long_gain=sale.long_gain if sale else Decimal(0),
            note=self._note(place, lots, sale),
        )

    def _cover_gain(self, place: int, lots: int) -> Decimal:
        """What buying back gains: the part of what the short sale brought, less its price. It is of the short term
        whatever its age, since what closes it was bought just now (26 U.S.C. 1233)."""
        held, short = self.units[place], self.shorts[place]
        if not (lots > 0 > held and self._is_covered(place)):
            return Decimal(0)
        units = Decimal(lots * self.policy.lot_size)
        return cents(short.kept / SHORT_COLLATERAL * units / -held - units * self.prices[place])

    def _is_covered(self, place: int) -> bool:
        """Whether cash is kept back for all units of a short: what is kept for a part says nothing of the others."""
        short = self.shorts[place]
        return 0 < short.freed * -self.units[place] <= short.kept + CENT

    def _note(self, place: int, lots: int, sale: Sale | None) -> str:
        if (foreign := self.holdings.foreign.get(self.symbols[place])) is not None:
            told = CONVERTED if lots > 0 else STAYS
            return told.format(currency=foreign.currency, price=foreign.price.normalize(), base=self.holdings.currency)
        if lots > 0 > self.units[place]:
            return BUYS_BACK if self._is_covered(place) else f"{BUYS_BACK}; {UNKNOWN_SHORT}"
        if lots > 0:
            return ""
        if self.units[place] <= 0:
            return SELLS_SHORT
        return _note(sale)


def _note(sale: Sale | None) -> str:
    if sale is None:
        return UNKNOWN_LOTS
    return WASH if sale.wash_sale else ""


def drift(weights: FloatArray, target: FloatArray) -> float:
    """Half the sum of |weight - target| (N,), with cash as one more weight: the share of the value out of place."""
    cash = abs(float(target.sum() - weights.sum()))
    return (float(np.abs(weights - target).sum()) + cash) / 2
