"""Whole lots for target weights: the integer program, the greedy way out, and the exact bill of both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from lakehouse.construction.model import ConstructionError
from lakehouse.construction.policy import Costs
from lakehouse.domain.money import CENT, cents
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch

SECONDS = 20.0
GAP = 1e-6
NO_COSTS = Costs(bps=Decimal(0), half_spread_bps=Decimal(0))
TIE = 1e-7
"""Weight of traded value in the objective: of equally good trades the fewest, and never a buy with a sale."""


@dataclass(frozen=True, slots=True)
class Basket:
    """What can be traded: N instruments with `held` units (may be fractional, negative for a short), `prices` per
    unit and wanted `values`, all in the portfolio's currency, and its `cash`. A unit of trade is `lot_size` units.
    `kept` units, none where it is empty, are held but promised to open orders: they cannot be sold again.
    Raises ShapeMismatch, InvalidParameter."""

    held: tuple[Decimal, ...]
    prices: tuple[Decimal, ...]
    wanted: tuple[Decimal, ...]
    cash: Decimal
    costs: Costs
    lot_size: int = 1
    min_trade: Decimal = Decimal(0)
    kept: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.held) == len(self.prices) == len(self.wanted) == len(self.kept or self.held):
            raise ShapeMismatch("held, prices, wanted and kept differ in length")
        if self.prices and min(self.prices) <= 0:
            raise InvalidParameter("prices must be positive")

    @property
    def value(self) -> Decimal:
        """Cash and holdings."""
        return self.cash + sum((q * p for q, p in zip(self.held, self.prices, strict=True)), Decimal(0))

    def sellable(self, place: int) -> int:
        """Lots that can be sold without going short and without those that open orders keep."""
        kept = self.kept[place] if self.kept else Decimal(0)
        return max(0, int((self.held[place] - kept) // self.lot_size))

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

    def cash_after(self, lots: Sequence[int]) -> Decimal:
        """Cash after trading these lots, with their costs: exact."""
        spent = sum((self.notional(i, n) + self.cost(i, n) for i, n in enumerate(lots)), Decimal(0))
        return self.cash - spent

    def distance(self, lots: Sequence[int]) -> Decimal:
        """The sum of |value held - value wanted| after trading these lots."""
        values = (
            abs((q + n * self.lot_size) * p - want)
            for q, n, p, want in zip(self.held, lots, self.prices, self.wanted, strict=True)
        )
        return sum(values, Decimal(0))


@dataclass(frozen=True, slots=True)
class WholeLots:
    """`lots` (N,) to buy, negative to sell; `method` milp or greedy; `reason` why greedy was needed, else empty."""

    lots: tuple[int, ...]
    method: str
    reason: str


def whole_lots(basket: Basket, *, seconds: float = SECONDS) -> WholeLots:
    """The lots that come closest to the wanted values (least sum of distances plus costs), with cash never negative,
    no sale of what is not held or kept for open orders, and no order below `min_trade`.

    A mixed-integer linear program, by HiGHS. Where it has no answer in `seconds`, the greedy way takes over and the
    result says so. Raises ConstructionError if the cash is negative and no sale brings it up to zero.
    """
    if not basket.prices:
        return WholeLots((), "milp", "")
    solved, reason = _by_program(basket, seconds)
    lots = greedy(basket) if solved is None else solved
    exact = _paid(basket, lots)
    return WholeLots(exact, "greedy" if solved is None else "milp", reason)


def greedy(basket: Basket) -> tuple[int, ...]:
    """Sell what is too much, then buy one lot after the other where most is missing, while the cash lasts."""
    lots = [0] * len(basket.prices)
    sizes = [p * basket.lot_size for p in basket.prices]
    missing = [w - q * p for w, q, p in zip(basket.wanted, basket.held, basket.prices, strict=True)]
    for i, gap in enumerate(missing):
        if gap < 0:
            lots[i] = -min(int((-gap / sizes[i]).quantize(Decimal(1), ROUND_HALF_EVEN)), basket.sellable(i))
    lots = [0 if 0 < abs(basket.notional(i, n)) < basket.min_trade else n for i, n in enumerate(lots)]
    for i in sorted(range(len(lots)), key=lambda i: (-missing[i], i)):
        wanted = int(missing[i] // sizes[i]) if missing[i] > 0 else 0
        lots[i] += _affordable(basket, lots, i, wanted) if lots[i] == 0 else 0
    return tuple(lots)


def _affordable(basket: Basket, lots: list[int], place: int, wanted: int) -> int:
    low, high = 0, wanted
    while low < high:  # the cash falls with every lot: bisect
        middle = (low + high + 1) // 2
        tried = [*lots[:place], middle, *lots[place + 1 :]]
        low, high = (middle, high) if basket.cash_after(tried) >= 0 else (low, middle - 1)
    return low if basket.notional(place, low) >= basket.min_trade else 0


def _paid(basket: Basket, lots: Sequence[int]) -> tuple[int, ...]:
    """The lots with the bill paid to the cent: floats of a solver may be a cent short, then buys go back."""
    paid = list(lots)
    while basket.cash_after(paid) < 0:
        buys = [i for i, n in enumerate(paid) if n > 0]
        if not buys:
            raise ConstructionError(
                f"cash is {basket.cash_after(paid)} after all that can be sold: deposit money, or close short positions"
            )
        cheapest = min(buys, key=lambda i: (basket.prices[i], i))
        smaller = paid[cheapest] - 1
        paid[cheapest] = 0 if basket.notional(cheapest, smaller) < basket.min_trade else smaller
    return tuple(paid)


class _Program:
    """Over (buy, sell, buys?, sells?, distance): whole lots, whole lots, binaries, and the distance in currency."""

    def __init__(self, basket: Basket) -> None:
        self.basket, self.n = basket, len(basket.prices)
        self.price = np.array([float(p * basket.lot_size) for p in basket.prices])
        self.held = np.array([float(q) for q in basket.held]) / basket.lot_size * self.price
        self.wanted = np.array([float(w) for w in basket.wanted])
        costs = basket.costs
        self.cost = self.price * float(costs.rate) + basket.lot_size * float(costs.per_share)
        self.scale = max(1.0, float(basket.value) / 1000)
        self.sellable = np.array([basket.sellable(i) for i in range(self.n)], dtype=np.float64)
        self.buyable = np.floor(max(0.0, float(basket.cash) + float(self.sellable @ self.price)) / self.price)

    def objective(self) -> FloatArray:
        """Distance, costs, and a trifle for every traded value, all in one unit."""
        once = np.full(self.n, float(self.basket.costs.per_order))
        traded = self.cost + TIE * self.price
        return np.concatenate([traded, traded, once, once, np.ones(self.n)]) / self.scale

    def constraints(self) -> list[LinearConstraint]:
        """Distance on both sides, orders that exist, the least order, and the cash with a cent a trade to spare."""
        n, price = self.n, sparse.diags(self.price)
        eye, zero = sparse.identity(n), sparse.csr_matrix((n, n))
        gap = self.wanted - self.held
        over = sparse.hstack([price, -price, zero, zero, -eye])
        under = sparse.hstack([-price, price, zero, zero, -eye])
        buys = sparse.hstack([eye, zero, -sparse.diags(np.maximum(self.buyable, 1)), zero, zero])
        sells = sparse.hstack([zero, eye, zero, -sparse.diags(np.maximum(self.sellable, 1)), zero])
        one_side = sparse.hstack([zero, zero, eye, eye, zero])
        spare = np.array([self._rounding(i) for i in range(n)]) + float(self.basket.costs.per_order)
        cash = np.concatenate([self.price + self.cost, self.cost - self.price, spare, spare, np.zeros(n)])
        found = [
            LinearConstraint(over / self.scale, -np.inf, gap / self.scale),
            LinearConstraint(under / self.scale, -np.inf, -gap / self.scale),
            LinearConstraint(buys, -np.inf, 0.0),
            LinearConstraint(sells, -np.inf, 0.0),
            LinearConstraint(one_side, -np.inf, 1.0),
            LinearConstraint(cash / self.scale, -np.inf, float(self.basket.cash) / self.scale),
        ]
        if self.basket.min_trade > 0:
            least = sparse.identity(n) * float(self.basket.min_trade)
            found.append(LinearConstraint(sparse.hstack([price, zero, -least, zero, zero]), 0.0, np.inf))
            found.append(LinearConstraint(sparse.hstack([zero, price, zero, -least, zero]), 0.0, np.inf))
        return found

    def _rounding(self, place: int) -> float:
        """What rounding the bill of a trade to cents can add to it at most."""
        basket = self.basket
        paid = 0.0 if basket.costs == NO_COSTS else 0.01
        return paid + (0.0 if basket.notional(place, 1) == basket.lot_size * basket.prices[place] else 0.01)

    def bounds(self) -> Bounds:
        """Nothing negative, nothing sold that is not held."""
        ones = np.ones(self.n)
        return Bounds(0.0, np.concatenate([self.buyable, self.sellable, ones, ones, np.full(self.n, np.inf)]))


def _by_program(basket: Basket, seconds: float) -> tuple[tuple[int, ...] | None, str]:
    program = _Program(basket)
    result = milp(
        program.objective(),
        constraints=program.constraints(),
        integrality=np.concatenate([np.ones(4 * program.n), np.zeros(program.n)]),
        bounds=program.bounds(),
        options={"time_limit": seconds, "mip_rel_gap": GAP},
    )
    if result.status != 0 or result.x is None:
        return None, f"the integer program had no optimum ({result.message}): whole lots are greedy"
    counts = np.rint(result.x[: 2 * program.n]).astype(int)
    return tuple(_net(counts[: program.n].tolist(), counts[program.n :].tolist())), ""


def _net(buys: Iterable[int], sells: Iterable[int]) -> Iterable[int]:
    return (bought - sold for bought, sold in zip(buys, sells, strict=True))
