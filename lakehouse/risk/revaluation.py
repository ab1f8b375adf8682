"""From scenarios of risk factors to the profit and loss of instruments, by full revaluation: (S, F) -> (S, N).

A factor is a column of numbers whose meaning the instruments that name it decide: a relative move of a price or an
exchange rate, an absolute move of a volatility, a rate or a spread. Books of shares, options and bonds are revalued
side by side; a book's columns come out in its own order, the books in the order given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lakehouse.pricing.black_scholes import greeks, price
from lakehouse.pricing.bond_terms import Flows
from lakehouse.pricing.checks import together
from lakehouse.pricing.curve import ZeroCurve
from lakehouse.pricing.options import DAYS_IN_YEAR, OptionMarket, OptionTerms
from lakehouse.pricing.revaluation import OptionPricer, bond_pnl, option_pnl, option_shocks
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch, finite_matrix, require_count
from lakehouse.risk.monte_carlo import Simulation, fit_normal, moves_block
from lakehouse.risk.slopes import NONE, FactorNumbers, Slopes, in_base, side_by_side, slopes


class Sensitive(Protocol):
    """First derivatives and gamma of options: `black_scholes.Greeks`, `american.AmericanGreeks`."""

    @property
    def delta(self) -> FloatArray: ...
    @property
    def gamma(self) -> FloatArray: ...
    @property
    def vega(self) -> FloatArray: ...
    @property
    def rho(self) -> FloatArray: ...


OptionGreeks = Callable[[OptionTerms, OptionMarket], Sensitive]


class Book(Protocol):
    """N instruments that can be revalued, in one currency each."""

    def __len__(self) -> int:
        """N."""
        ...

    @property
    def money(self) -> "Money":
        """What one unit of each is in base currency."""
        ...

    def worth(self) -> FloatArray:
        """Value of one unit of each now, its own currency: (N,)."""
        ...

    def pnl(self, moves: FloatArray, years_forward: float) -> FloatArray:
        """P&L of one unit of each under `moves` (S, F), its own currency: (S, N)."""
        ...

    def slopes(self) -> Slopes:
        """The same to second order, its own currency; nothing for waiting."""
        ...


@dataclass(frozen=True, slots=True)
class Money:
    """Exchange rates of N instruments, base currency for one of theirs, and the factor (a relative move) of each;
    NONE where it is the base currency."""

    rates: FloatArray
    factors: FactorNumbers


def in_base_currency(count: int) -> Money:
    """The currencies of `count` instruments that are all in the base currency."""
    return Money(np.ones(count), np.full(count, NONE, dtype=np.intp))


@dataclass(frozen=True, slots=True)
class LinearBook:
    """Shares, funds, futures: `prices` (N,) of one unit with its multiplier, `factors` (N,) relative moves."""

    prices: FloatArray
    factors: FactorNumbers
    money: Money

    def __len__(self) -> int:
        return len(self.prices)

    def worth(self) -> FloatArray:
        """See Book."""
        return self.prices

    def pnl(self, moves: FloatArray, years_forward: float) -> FloatArray:
        """See Book; a share earns nothing by waiting here."""
        return self.prices * columns(moves, self.factors)

    def slopes(self) -> Slopes:
        """See Book: there is no second order."""
        return slopes([(self.factors, self.prices)])


@dataclass(frozen=True, slots=True)
class OptionBook:
    """N options. `spots` (N,) relative, `volatilities` and `rates` (N,) absolute moves; `multipliers` (N,) units of the
    underlying in a contract. `pricer` and `sensitivities`: for American ones `american_price` and `american_greeks`,
    imported where they are held."""

    terms: OptionTerms
    market: OptionMarket
    multipliers: FloatArray
    spots: FactorNumbers
    volatilities: FactorNumbers
    rates: FactorNumbers
    money: Money
    pricer: OptionPricer = field(default=price)
    sensitivities: OptionGreeks = field(default=greeks)

    def __len__(self) -> int:
        return len(self.multipliers)

    def worth(self) -> FloatArray:
        """See Book."""
        shape = together(self.terms.shape, self.market.shape, self.multipliers.shape)
        return np.broadcast_to(self.pricer(self.terms, self.market), shape) * self.multipliers

    def pnl(self, moves: FloatArray, years_forward: float) -> FloatArray:
        """See Book; see `pricing.option_pnl` for spots and volatilities that would be negative."""
        shocks = option_shocks(
            spot=columns(moves, self.spots),
            volatility=columns(moves, self.volatilities),
            rate=columns(moves, self.rates),
        )
        found = option_pnl(self.terms, self.market, shocks, years_forward=years_forward, pricer=self.pricer)
        return found * self.multipliers

    def slopes(self) -> Slopes:
        """See Book: delta, vega and rho, and of second order gamma alone."""
        found = self.sensitivities(self.terms, self.market)
        relative = self.market.spot * self.multipliers
        shape = (len(self),)
        first = [(self.spots, found.delta * relative), (self.volatilities, found.vega * self.multipliers),
                 (self.rates, found.rho * self.multipliers)]  # fmt: skip
        bend = 0.5 * found.gamma * self.market.spot * relative
        return slopes(
            [(factor, np.broadcast_to(value, shape)) for factor, value in first],
            [(self.spots, self.spots, np.broadcast_to(bend, shape))],
        )


@dataclass(frozen=True, slots=True)
class BondBook:
    """N bonds on one curve. `faces` (N,) money that a unit repays; `nodes` absolute moves of the curve: (1,) for all of
    it, or (M,) one for each node; `spreads` (N,) over the curve now, `spread_factors` (N,) their absolute moves."""

    flows: tuple[Flows, ...]
    curve: ZeroCurve
    faces: FloatArray
    nodes: FactorNumbers
    spreads: FloatArray
    spread_factors: FactorNumbers
    money: Money

    def __len__(self) -> int:
        return len(self.flows)

    def worth(self) -> FloatArray:
        """See Book: dirty."""
        dirty = [
            float((due.amounts * self.curve.discounts(due.years) * np.exp(-spread * due.years)).sum())
            for due, spread in zip(self.flows, self.spreads, strict=True)
        ]
        return np.array(dirty) * self.faces / 100.0

    def pnl(self, moves: FloatArray, years_forward: float) -> FloatArray:
        """See Book: what is paid on the way counts."""
        shifts = columns(moves, self.nodes)
        found = bond_pnl(
            self.flows,
            self.curve,
            rate_shifts=shifts[:, 0] if len(self.nodes) == 1 else shifts,
            spreads=self.spreads,
            spread_shifts=columns(moves, self.spread_factors),
            years_forward=years_forward,
        )
        return found * self.faces / 100.0

    def slopes(self) -> Slopes:
        """See Book: by each node and the spread, and by every two of them."""
        factors = [*(np.full(len(self), node) for node in self.nodes), self.spread_factors]
        weights = [self._weights(due) for due in self.flows]
        values = [
            due.amounts * np.exp(-(self.curve.zero_rates(due.years) + spread) * due.years) * face / 100.0
            for due, spread, face in zip(self.flows, self.spreads, self.faces, strict=True)
        ]

        def derivative(*rows: int) -> FloatArray:
            return np.array(
                [
                    float((value * np.prod([-due.years * weight[row] for row in rows], axis=0)).sum())
                    for due, weight, value in zip(self.flows, weights, values, strict=True)
                ]
            )

        pairs = [(left, right) for left in range(len(factors)) for right in range(left, len(factors))]
        return slopes(
            [(factor, derivative(row)) for row, factor in enumerate(factors)],
            [
                (factors[left], factors[right], derivative(left, right) * (0.5 if left == right else 1.0))
                for left, right in pairs
            ],
        )

    def _weights(self, due: Flows) -> FloatArray:
        """How each payment's rate moves with each node (M, C), and with the spread: the last row."""
        nodes = len(self.nodes)
        steps = np.ones(1) if nodes == 1 else np.eye(nodes)
        moved = self.curve.shifted_rates(due.years, steps) - self.curve.zero_rates(due.years)
        return np.vstack([moved, np.ones(len(due.years))])


def slopes_of(books: Sequence[Book]) -> Slopes:
    """What `revalue` gives without waiting, to second order: slopes of all instruments in their order, base currency.

    Of options the second order is gamma alone. Raises PricingError.
    """
    return side_by_side(
        [(len(book), in_base(book.slopes(), book.worth(), book.money.rates, book.money.factors)) for book in books]
    )


def worths(books: Sequence[Book]) -> FloatArray:
    """What one unit of every instrument is worth now, base currency: (N,). Raises PricingError."""
    return np.concatenate([book.worth() * book.money.rates for book in books]) if books else np.zeros(0)


def revalue(moves: npt.ArrayLike, books: Sequence[Book], *, years_forward: float = 0.0) -> FloatArray:
    """P&L of one unit of every instrument under S scenarios of F factors: (S, F) -> (S, N), base currency.

    Value in the scenario, `years_forward` later and at its exchange rate, minus value now; negative for a loss. A
    portfolio's P&L is `portfolio_pnl(result, units)`, with units (N, P). NaN policy: refused.
    Raises NonFinite, ShapeMismatch, InvalidParameter for a factor that is not among the F; PricingError.
    """
    factors = finite_matrix("moves", moves)
    parts = [_in_base(book, factors, years_forward) for book in books]
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(factors), 0))


def simulated_blocks(
    history: npt.ArrayLike, books: Sequence[Book], simulation: Simulation, *, horizon_days: int = 1, ddof: int = 1
) -> Iterator[tuple[int, FloatArray]]:
    """Full revaluation under seeded normal scenarios of the factors: (block, (rows, N)), in order, a block at a time.

    history (T, F): daily moves of the factors, oldest first, in the units in which the books read them; their mean and
    covariance grow with `horizon_days`, and so does the time that passes (a 365th of a year each). Scenario i is a
    function of (seed, stream, i, block size), see `Simulation`. Raises as `fit_normal` and `revalue` do.
    """
    require_count("horizon_days", horizon_days)
    model = fit_normal(history, ddof=ddof, horizon_days=horizon_days, labels=simulation.labels)
    for block, rows in simulation.blocks():
        moves = moves_block(model, simulation, block=block, rows=rows)
        yield block, revalue(moves, books, years_forward=horizon_days / DAYS_IN_YEAR)


def simulate_revaluation(
    history: npt.ArrayLike, books: Sequence[Book], simulation: Simulation, *, horizon_days: int = 1, ddof: int = 1
) -> FloatArray:
    """All of `simulated_blocks` as one array: (scenarios, N)."""
    found = simulated_blocks(history, books, simulation, horizon_days=horizon_days, ddof=ddof)
    return np.concatenate([pnl for _, pnl in found], axis=0)


def columns(moves: FloatArray, factors: FactorNumbers) -> FloatArray:
    """The columns of `moves` (S, F) that `factors` (N,) name: (S, N), zeros for NONE. Raises InvalidParameter."""
    if len(factors) and not (factors.min() >= NONE and factors.max() < moves.shape[1]):
        raise InvalidParameter(f"factors {factors.min()} to {factors.max()}: there are only 0 to {moves.shape[1] - 1}")
    picked = np.zeros((len(moves), len(factors)))
    named = factors != NONE
    picked[:, named] = moves[:, factors[named]]
    return picked


def _in_base(book: Book, moves: FloatArray, years_forward: float) -> FloatArray:
    money = book.money
    if not len(money.rates) == len(money.factors) == len(book):
        raise ShapeMismatch(f"{len(money.rates)} exchange rates of {len(book)} instruments: give one for each")
    found = book.pnl(moves, years_forward)
    if found.shape != (len(moves), len(book)):
        raise ShapeMismatch(f"a book of {len(book)} instruments gave P&L {found.shape}: its arrays differ in length")
    if (money.factors == NONE).all():
        return found * money.rates
    turn = columns(moves, money.factors)
    return (found * (1.0 + turn) + book.worth() * turn) * money.rates
