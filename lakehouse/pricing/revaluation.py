"""The same instruments under S scenarios: full revaluation, never a sum of Greeks. Profit and loss of one unit each.

P&L = value in the scenario, `years_forward` later, minus the value now; negative for a loss; (S, N). Elements do not
depend on the scenarios or instruments beside them, so that blocks of scenarios have the bytes of the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lakehouse.pricing.black_scholes import price
from lakehouse.pricing.bond_terms import Flows
from lakehouse.pricing.checks import FloatArray, ShapesDiffer, at_least_zero, finite
from lakehouse.pricing.curve import ZeroCurve
from lakehouse.pricing.options import OptionMarket, OptionTerms, option_market

BLOCK_VALUES = 1 << 15  # options priced at once: their intermediate arrays stay in the second-level cache

OptionPricer = Callable[[OptionTerms, OptionMarket], FloatArray]


@dataclass(frozen=True, slots=True)
class OptionShocks:
    """S scenarios for N options, as `option_shocks` made them: each array is (S, 1), one for all, or (S, N).

    `spot` relative change (-0.2 is a fall of 20 %); `volatility` and `rate` absolute changes (0.05 is 5 points).
    """

    spot: FloatArray
    volatility: FloatArray
    rate: FloatArray

    def __len__(self) -> int:
        return max(len(self.spot), len(self.volatility), len(self.rate))

    def rows(self, start: int, stop: int) -> "OptionShocks":
        """Scenarios `start` to `stop`."""
        picked = (part if len(part) == 1 else part[start:stop] for part in (self.spot, self.volatility, self.rate))
        return OptionShocks(*picked)


def option_shocks(
    *, spot: npt.ArrayLike = 0.0, volatility: npt.ArrayLike = 0.0, rate: npt.ArrayLike = 0.0
) -> OptionShocks:
    """Scenarios from scalars, (S,) for all options alike, or (S, N). Raises InvalidInput, ShapesDiffer."""
    parts = [_rows(name, value) for name, value in (("spot", spot), ("volatility", volatility), ("rate", rate))]
    if len({len(part) for part in parts} - {1}) > 1:
        raise ShapesDiffer(f"shocks of {[len(part) for part in parts]} scenarios: give one number for each scenario")
    return OptionShocks(*parts)


def option_pnl(
    terms: OptionTerms,
    market: OptionMarket,
    shocks: OptionShocks,
    *,
    years_forward: float = 0.0,
    pricer: OptionPricer = price,
) -> FloatArray:
    """P&L of one option on one unit: (S, N), currency of the spot.

    `terms` and `market`: (N,) or scalar. A spot that would fall by more than all of it is 0, a volatility that would
    become negative is 0; both are priced. What expires within `years_forward` is worth its exercise value.
    `pricer`: `black_scholes.price`, or `american.american_price`, which prices S x N options one by one.
    Raises InvalidInput, ShapesDiffer.
    """
    shape = np.broadcast_shapes(terms.shape, market.shape, (1,))
    if len(shape) != 1:
        raise ShapesDiffer(f"terms and market of shape {shape}: give one value for each of the N options")
    names = range(shape[0])
    later = replace(terms, years=np.maximum(terms.years - float(at_least_zero("years_forward", years_forward)), 0.0))
    now = np.broadcast_to(pricer(terms, market), shape)
    scenarios, step = len(shocks), max(1, BLOCK_VALUES // len(names))
    pnl = np.empty((scenarios, len(names)))
    for start in range(0, scenarios, step):
        block = shocks.rows(start, start + step)
        pnl[start : start + step] = pricer(later, shocked(market, block)) - now
    return pnl


def shocked(market: OptionMarket, shocks: OptionShocks) -> OptionMarket:
    """The market in each scenario, (S, N); spots and volatilities end at 0. Raises InvalidInput, ShapesDiffer."""
    return option_market(
        spot=np.maximum(market.spot * (1.0 + shocks.spot), 0.0),
        volatility=np.maximum(market.volatility + shocks.volatility, 0.0),
        rate=market.rate + shocks.rate,
        dividend_yield=market.dividend_yield,
    )


def bond_pnl(
    flows: Sequence[Flows],
    curve: ZeroCurve,
    *,
    rate_shifts: npt.ArrayLike,
    spreads: npt.ArrayLike = 0.0,
    spread_shifts: npt.ArrayLike = 0.0,
    years_forward: float = 0.0,
) -> FloatArray:
    """P&L of 100 of face of each of N bonds: (S, N), dirty, in their currency.

    `rate_shifts`: (S,) for the whole curve or (S, M) for its nodes. `spreads`: over the curve now, one for all or (N,);
    `spread_shifts`: (S,) or (S, N). All absolute and continuous. The curve keeps its shape in time: what is then n
    years away is discounted at today's rate for n years. What is paid within `years_forward` counts as cash without
    interest. Raises InvalidInput, ShapesDiffer.
    """
    moves = finite("rate_shifts", rate_shifts)
    levels = np.broadcast_to(finite("spreads", spreads), (len(flows),))
    widened = _rows("spread_shifts", spread_shifts)
    if len(widened) not in (1, len(moves)) or widened.shape[1] not in (1, len(flows)):
        raise ShapesDiffer(f"spread_shifts {widened.shape} fit neither {len(moves)} scenarios nor {len(flows)} bonds")
    shifts = np.broadcast_to(widened, (len(moves), len(flows)))
    forward = float(at_least_zero("years_forward", years_forward))
    pnl = np.empty((len(moves), len(flows)))
    for column, due in enumerate(flows):
        rates = curve.shifted_rates(np.maximum(due.years - forward, 0.0), moves)
        rates = rates + (levels[column] + shifts[:, column, None])
        now = _sum_rows(due.amounts * np.exp(-(curve.zero_rates(due.years) + levels[column]) * due.years)[None, :])
        then = _sum_rows(due.amounts * np.exp(-rates * np.maximum(due.years - forward, 0.0)))
        pnl[:, column] = then - now
    return pnl


def _sum_rows(values: FloatArray) -> FloatArray:
    """Sums along the payments in their order, so that a scenario's bytes do not depend on those beside it."""
    total = np.zeros(len(values))
    for column in values.T:
        total += column
    return total


def _rows(name: str, values: npt.ArrayLike) -> FloatArray:
    """A scalar as (1, 1), (S,) as (S, 1), (S, N) as it is."""
    array = finite(name, values)
    if array.ndim > 2:
        raise ShapesDiffer(f"{name} has shape {array.shape}: pass (S,), or (S, N) with one column an instrument")
    return array.reshape(-1, 1) if array.ndim < 2 else array
