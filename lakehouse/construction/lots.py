"""Whole lots for target weights: the integer program, the greedy way out, and the exact bill of both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Costs
from lakehouse.domain.money import CENT, cents
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch
from lakehouse.trading.reservation import SHORT_COLLATERAL

SECONDS = 20.0
GAP = 1e-6
NO_COSTS = Costs(bps=Decimal(0), half_spread_bps=Decimal(0))
TIE = 1e-7
"""Weight of traded value in the objective: of equally good trades the fewest, and never a buy with a sale."""


@dataclass(frozen=True, slots=True)
class Short:
    """Cash that is kept back for units sold short: `kept` for all of an instrument, and at least `freed` for each unit
    that is bought back."""

    kept: Decimal = Decimal(0)
    freed: Decimal = Decimal(0)


NO_SHORT = Short()
BASE = ""
"""In place of the code of the portfolio's own currency."""


@dataclass(frozen=True, slots=True)
class Basket:
    """What can be traded: N instruments with `held` units (may be fractional, negative for a short), `prices` per
    unit and wanted `values`, all in the portfolio's currency, and its `cash` that nothing keeps back. A unit of trade
    is `lot_size` units. `kept` units, none where it is empty, are held, or owed, but promised to open orders: they
    cannot be sold, or bought back, again.

    An order closes or opens a position and never goes through zero, as the venue has it. What is sold short keeps back
    SHORT_COLLATERAL of what it brings (`shorts` so far), so it takes cash and gives none. `may_short` says of what, and
    `max_gross` bounds the sum of |value| as a share of what is left after costs. `currencies` name those of what is
    paid in another one, BASE of all else: what sales in it bring pays for purchases in it and for no others, which
    `cash`, converted, pays for. Raises ShapeMismatch, InvalidParameter."""

    held: tuple[Decimal, ...]
    prices: tuple[Decimal, ...]
    wanted: tuple[Decimal, ...]
    cash: Decimal
    costs: Costs
    lot_size: int = 1
    min_trade: Decimal = Decimal(0)
    kept: tuple[Decimal, ...] = ()
    shorts: tuple[Short, ...] = ()
    may_short: tuple[bool, ...] = ()
    max_gross: Decimal | None = None
    currencies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        told = (self.prices, self.wanted, *filter(None, (self.kept, self.shorts, self.may_short, self.currencies)))
        if any(len(each) != len(self.held) for each in told):
            raise ShapeMismatch("what is told of the instruments differs in length")
        if self.prices and min(self.prices) <= 0:
            raise InvalidParameter("prices must be positive")

    @property
    def value(self) -> Decimal:
        """Cash, also what is kept back for shorts, and holdings."""
        return self.equity_after((0,) * len(self.held))

    def closable(self, place: int) -> int:
        """Lots that bring the position nearer to zero: to sell of a long one, to buy back of a short one."""
        kept = self.kept[place] if self.kept else Decimal(0)
        return max(0, int((abs(self.held[place]) - kept) // self.lot_size))

    def sellable(self, place: int) -> int:
        """Lots that can be sold: of a long position those that open orders do not keep, else what is wanted short."""
        if self.held[place] > 0:
            return self.closable(place)
        if not (self.may_short and self.may_short[place]):
            return 0
        missing = self.held[place] * self.prices[place] - self.wanted[place]
        return max(0, int((missing / self.prices[place] / self.lot_size).to_integral_value(ROUND_CEILING)))

    def short(self, place: int) -> Short:
        """What is kept back for an instrument."""
        return self.shorts[place] if self.shorts else NO_SHORT

    def cost(self, place: int, lots: int) -> Decimal:
        """What trading that many lots (either sign) costs, rounded up to the cent; nothing for none."""
        if lots == 0:
            return Decimal(0)
        units = Decimal(abs(lots) * self.lot_size)
        paid = units * self.prices[place] * self.costs.rate + units * self.costs.per_share + self.costs.per_order
        return paid.quantize(CENT, ROUND_CEILING)

    def notional(self, place: int, lots: int) -> Decimal:
        """The value of that many lots, signed as they are, to the cent."""
        return cents(lots * self.lot_size * self.prices[place])

    def collateral(self, place: int, lots: int) -> Decimal:
        """What trading that many lots keeps back, or frees where it is negative: at least so much."""
        if lots < 0 and self.held[place] <= 0:
            return (-self.notional(place, lots) * SHORT_COLLATERAL).quantize(CENT, ROUND_CEILING)
        if lots > 0 and self.held[place] < 0:
            units, short = Decimal(lots * self.lot_size), self.short(place)
            part = (units * short.freed).quantize(CENT, ROUND_FLOOR)
            return -short.kept if units >= -self.held[place] else -min(part, short.kept)
        return Decimal(0)

    def spent(self, place: int, lots: int) -> Decimal:
        """Cash that trading that many lots takes, costs and what is kept back included; negative for what it gives."""
        return self.notional(place, lots) + self.cost(place, lots) + self.collateral(place, lots)

    def cash_after(self, lots: Sequence[int]) -> Decimal:
        """Cash of the portfolio's currency that nothing keeps back after trading these lots, with their costs: exact.
        What sales bring of another one beyond purchases in it is no part of it."""
        spent = dict.fromkeys((BASE, *self.currencies), Decimal(0))
        for place, count in enumerate(lots):
            spent[self.currency(place)] += self.spent(place, count)
        return self.cash - spent.pop(BASE) - sum((max(each, Decimal(0)) for each in spent.values()), Decimal(0))

    def currency(self, place: int) -> str:
        """The currency that an instrument is paid in: BASE for the portfolio's own."""
        return self.currencies[place] if self.currencies else BASE

    def equity_after(self, lots: Sequence[int]) -> Decimal:
        """Cash, also what is kept back, and holdings after trading these lots."""
        paid = sum((self.notional(i, n) + self.cost(i, n) for i, n in enumerate(lots)), Decimal(0))
        kept = sum((short.kept for short in self.shorts), Decimal(0))
        return self.cash + kept - paid + sum(self.values_after(lots), Decimal(0))

    def values_after(self, lots: Sequence[int]) -> list[Decimal]:
        """What each instrument's units are worth after trading these lots; negative for a short."""
        held = zip(self.held, lots, self.prices, strict=True)
        return [(units + count * self.lot_size) * price for units, count, price in held]

    def is_within_gross(self, lots: Sequence[int]) -> bool:
        """Whether the sum of |value| keeps its limit after trading these lots."""
        if self.max_gross is None:
            return True
        return sum(map(abs, self.values_after(lots)), Decimal(0)) <= self.max_gross * self.equity_after(lots)

    def distance(self, lots: Sequence[int]) -> Decimal:
        """The sum of |value held - value wanted| after trading these lots."""
        held = zip(self.values_after(lots), self.wanted, strict=True)
        return sum((abs(value - want) for value, want in held), Decimal(0))


@dataclass(frozen=True, slots=True)
class WholeLots:
    """`lots` (N,) to buy, negative to sell; `method` milp or greedy; `reason` why greedy was needed, else empty."""

    lots: tuple[int, ...]
    method: str
    reason: str


def whole_lots(basket: Basket, *, seconds: float = SECONDS) -> WholeLots:
    """The lots that come closest to the wanted values (least sum of distances plus costs), with cash never negative,
    gross exposure within its limit or no further beyond it, no order through zero and none below `min_trade`.

    A mixed-integer linear program, by HiGHS. Where it has no answer in `seconds`, the greedy way takes over and the
    result says so. Raises ConstructionError if the cash is negative and no sale brings it up to zero.
    """
    if not basket.prices:
        return WholeLots((), "milp", "")
    solved, reason = _by_program(basket, seconds)
    lots = greedy(basket) if solved is None else solved
    exact = _settled(basket, lots)
    return WholeLots(exact, "greedy" if solved is None else "milp", reason)


def greedy(basket: Basket) -> tuple[int, ...]:
    """Sell what is too much, then buy, or sell short, where most is missing, while the cash lasts."""
    sizes = [p * basket.lot_size for p in basket.prices]
    missing = [w - q * p for w, q, p in zip(basket.wanted, basket.held, basket.prices, strict=True)]
    lots = [0] * len(sizes)
    for i, gap in enumerate(missing):
        if gap < 0 and basket.held[i] > 0:
            lots[i] = -min(int((-gap / sizes[i]).quantize(Decimal(1), ROUND_HALF_EVEN)), basket.sellable(i))
    lots = [0 if 0 < abs(basket.notional(i, n)) < basket.min_trade else n for i, n in enumerate(lots)]
    for i in sorted(range(len(lots)), key=lambda i: (-abs(missing[i]), i)):
        lots[i] += _affordable(basket, lots, i, _opening(basket, i, missing[i] / sizes[i])) if lots[i] == 0 else 0
    return tuple(lots)


def _opening(basket: Basket, place: int, lots: Decimal) -> int:
    """Whole lots, rounded towards zero, to buy, to buy back, or to sell short."""
    if lots > 0:
        return min(int(lots), basket.closable(place)) if basket.held[place] < 0 else int(lots)
    return max(int(lots), -basket.sellable(place)) if basket.held[place] <= 0 else 0


def _affordable(basket: Basket, lots: list[int], place: int, wanted: int) -> int:
    side = 1 if wanted > 0 else -1
    low, high = 0, abs(wanted)
    while low < high:  # the cash falls with every lot, or with none: bisect
        middle = high if basket.cash_after(_with(lots, place, side * high)) >= 0 else (low + high + 1) // 2
        is_paid = basket.cash_after(_with(lots, place, side * middle)) >= 0
        low, high = (middle, high) if is_paid else (low, middle - 1)
    return side * low if abs(basket.notional(place, low)) >= basket.min_trade else 0


def _with(lots: Sequence[int], place: int, count: int) -> list[int]:
    return [*lots[:place], count, *lots[place + 1 :]]


def _settled(basket: Basket, lots: Sequence[int]) -> tuple[int, ...]:
    """The lots with the bill paid to the cent and the gross exposure kept: floats of a solver may be a cent off, then
    what costs cash, or adds exposure, goes back, the cheapest first."""
    settled = list(lots)
    while (is_short := basket.cash_after(settled) < 0) or not basket.is_within_gross(settled):
        back = [
            i for i, n in enumerate(settled) if n and (_gives(basket, settled, i) if is_short else _adds(basket, i, n))
        ]
        if not back and is_short:
            raise ConstructionError(
                f"cash is {basket.cash_after(settled)} after all that can be sold: deposit money, or close short "
                "positions"
            )
        if not back:
            break
        cheapest = min(back, key=lambda i: (basket.prices[i], i))
        smaller = _less(settled[cheapest])
        settled[cheapest] = 0 if abs(basket.notional(cheapest, smaller)) < basket.min_trade else smaller
    return tuple(settled)


def _less(lots: int) -> int:
    return lots - 1 if lots > 0 else lots + 1


def _gives(basket: Basket, lots: Sequence[int], place: int) -> bool:
    """Whether one lot less leaves more cash."""
    return basket.cash_after(_with(lots, place, _less(lots[place]))) > basket.cash_after(lots)


def _adds(basket: Basket, place: int, lots: int) -> bool:
    """Whether the trade opens, and so adds to the gross exposure."""
    return basket.held[place] >= 0 if lots > 0 else basket.held[place] <= 0


class _Program:
    """Over (buy, sell, buys?, sells?, distance, converted): whole lots, whole lots, binaries, the distance in currency,
    and what is converted into each other currency."""

    def __init__(self, basket: Basket) -> None:
        self.basket, self.n = basket, len(basket.prices)
        self.price = np.array([float(p * basket.lot_size) for p in basket.prices])
        self.held = np.array([float(q) for q in basket.held]) / basket.lot_size * self.price
        self.wanted = np.array([float(w) for w in basket.wanted])
        costs = basket.costs
        self.cost = self.price * float(costs.rate) + basket.lot_size * float(costs.per_share)
        self.scale = max(1.0, float(basket.value) / 1000)
        self.sellable = np.array([basket.sellable(i) for i in range(self.n)], dtype=np.float64)
        long, owed = self.held > 0, self.held < 0
        most = float(basket.cash) + float((self.sellable * self.price)[long].sum())
        most += sum(float(short.kept) for short in basket.shorts)
        self.buyable = np.floor(max(0.0, most) / self.price)
        self.buyable[owed] = [basket.closable(i) for i in np.flatnonzero(owed).tolist()]
        self.others = sorted({*basket.currencies} - {BASE})
        self.opens_short = ~long
        self.freed = np.array([float(basket.short(i).freed) for i in range(self.n)]) * basket.lot_size * owed

    def objective(self) -> FloatArray:
        """Distance, costs, and a trifle for every traded value, all in one unit."""
        once = np.full(self.n, float(self.basket.costs.per_order))
        traded = self.cost + TIE * self.price
        return np.concatenate([traded, traded, once, once, np.ones(self.n), np.zeros(len(self.others))]) / self.scale

    def constraints(self) -> list[LinearConstraint]:
        """Distance on both sides, orders that exist, the least order, and the cash with a cent a trade to spare."""
        n, price = self.n, sparse.diags(self.price)
        eye, zero, none = sparse.identity(n), sparse.csr_matrix((n, n)), sparse.csr_matrix((n, len(self.others)))
        gap = self.wanted - self.held
        over = sparse.hstack([price, -price, zero, zero, -eye, none])
        under = sparse.hstack([-price, price, zero, zero, -eye, none])
        buys = sparse.hstack([eye, zero, -sparse.diags(np.maximum(self.buyable, 1)), zero, zero, none])
        sells = sparse.hstack([zero, eye, zero, -sparse.diags(np.maximum(self.sellable, 1)), zero, none])
        one_side = sparse.hstack([zero, zero, eye, eye, zero, none])
        spare = np.array([self._rounding(i) for i in range(n)]) + float(self.basket.costs.per_order)
        kept = self.opens_short * self.price * float(SHORT_COLLATERAL)
        bought, sold = self.price + self.cost - self.freed, self.cost - self.price + kept
        spent = np.stack([bought, sold, spare, spare, np.zeros(n)])
        found = [
            LinearConstraint(over / self.scale, -np.inf, gap / self.scale),
            LinearConstraint(under / self.scale, -np.inf, -gap / self.scale),
            LinearConstraint(buys, -np.inf, 0.0),
            LinearConstraint(sells, -np.inf, 0.0),
            LinearConstraint(one_side, -np.inf, 1.0),
            self._paid(spent),
        ]
        if self.basket.max_gross is not None:
            found.append(self._gross(float(self.basket.max_gross)))
        if self.basket.min_trade > 0:
            least = sparse.identity(n) * float(self.basket.min_trade)
            found.append(LinearConstraint(sparse.hstack([price, zero, -least, zero, zero, none]), 0.0, np.inf))
            found.append(LinearConstraint(sparse.hstack([zero, price, zero, -least, zero, none]), 0.0, np.inf))
        return found

    def _paid(self, spent: FloatArray) -> LinearConstraint:
        """The cash pays for what is spent (5, n) in its currency and for what is converted, which pays, with what sales
        bring there, for what is spent in each other one."""
        paid_in = np.array([self.basket.currency(i) for i in range(self.n)])
        rows = [(spent * (paid_in == each)).ravel() for each in (BASE, *self.others)]
        converted = np.vstack([np.ones(len(self.others)), -np.eye(len(self.others))])
        limits = np.array([float(self.basket.cash), *np.zeros(len(self.others))])
        return LinearConstraint(np.hstack([np.stack(rows), converted]) / self.scale, -np.inf, limits / self.scale)

    def _gross(self, most: float) -> LinearConstraint:
        """The sum of |value| within its share of what costs leave. No order goes through zero, so that the sign of
        every value is known and the sum is linear."""
        owed = self.held < 0
        bought = np.where(owed, -self.price, self.price) + most * self.cost
        sold = np.where(self.opens_short, self.price, -self.price) + most * self.cost
        once = np.array([self._rounding(i) for i in range(self.n)]) + float(self.basket.costs.per_order)
        row = np.concatenate([bought, sold, most * once, most * once, np.zeros(self.n + len(self.others))])
        limit = most * float(self.basket.value) - float(np.abs(self.held).sum())
        return LinearConstraint(row / self.scale, -np.inf, limit / self.scale)

    def _rounding(self, place: int) -> float:
        """What rounding the bill of a trade, and what is kept back for it, to cents can add to it at most."""
        basket = self.basket
        paid = (0.0 if basket.costs == NO_COSTS else 0.01) + (0.02 if basket.max_gross is not None else 0.0)
        paid += 0.01 if basket.held[place] < 0 else 0.0
        return paid + (0.0 if basket.notional(place, 1) == basket.lot_size * basket.prices[place] else 0.01)

    def bounds(self) -> Bounds:
        """Nothing negative, nothing sold that is not held."""
        ones = np.ones(self.n)
        free = np.full(self.n + len(self.others), np.inf)
        return Bounds(0.0, np.concatenate([self.buyable, self.sellable, ones, ones, free]))


def _by_program(basket: Basket, seconds: float) -> tuple[tuple[int, ...] | None, str]:
    program = _Program(basket)
    result = milp(
        program.objective(),
        constraints=program.constraints(),
        integrality=np.concatenate([np.ones(4 * program.n), np.zeros(program.n + len(program.others))]),
        bounds=program.bounds(),
        options={"time_limit": seconds, "mip_rel_gap": GAP},
    )
    if result.status != 0 or result.x is None:
        return None, f"the integer program had no optimum ({result.message}): whole lots are greedy"
    counts = np.rint(result.x[: 2 * program.n]).astype(int)
    return tuple(_net(counts[: program.n].tolist(), counts[program.n :].tolist())), ""


def _net(buys: Iterable[int], sells: Iterable[int]) -> Iterable[int]:
    return (bought - sold for bought, sold in zip(buys, sells, strict=True))
