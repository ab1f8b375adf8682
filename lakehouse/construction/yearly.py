"""The risk of weights that a proposal shows; and a year's volatility, which an owner bounds, and return, which an owner
aims at: weights held to the one, and both told.

The numbers of a year are what is expected from here on: by the market's covariance and sample mean of a day, of which a
year has TRADING_DAYS; cash neither moves nor earns.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lakehouse.construction.limits import Limits, violations
from lakehouse.construction.model import Allocation, Market, Status
from lakehouse.construction.proposal import RiskOfWeights
from lakehouse.construction.regime import TRADING_DAYS
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.shortfall import historical_es
from lakehouse.risk.var import historical_var

SLACK: Final = 0.001
"""How far above its limit a year's volatility may lie: whole lots never meet it exactly."""


def yearly_volatility(weights: FloatArray, market: Market) -> float:
    """Standard deviation of a year of (N,) weights."""
    return float(np.sqrt(max(0.0, float(weights @ market.covariance @ weights)) * TRADING_DAYS))


def yearly_return(weights: FloatArray, market: Market) -> float:
    """What (N,) weights are expected to earn in a year, without compounding."""
    return float(weights @ market.mean) * TRADING_DAYS


def is_too_volatile(weights: FloatArray, market: Market, most: float | None) -> bool:
    """Whether a year's volatility is above `most`; never where there is no limit."""
    return most is not None and yearly_volatility(weights, market) > most + SLACK


def calmed(
    allocation: Allocation, market: Market, most: float | None, limits: Limits, previous: FloatArray
) -> Allocation:
    """The weights in the same proportions with as much more cash as brings a year's volatility down to `most`, and the
    reason; the same allocation where nothing needs to be brought down. Of `limits` only bounds from below, turnover and
    costs can be broken by it: they are named, since the limit of risk comes first."""
    now = yearly_volatility(allocation.weights, market)
    if most is None or allocation.status is not Status.SOLVED or now <= most:
        return allocation
    share = most / now
    weights = allocation.weights * share
    broken = [name for name in violations(limits, weights, previous) if name != "budget"]
    told = f"a year's volatility of {now:.1%} is beyond the {most:.1%} of the objective: {share:.1%} of it is invested"
    return replace(
        allocation,
        weights=weights,
        volatility=allocation.volatility * share,
        mean_return=allocation.mean_return * share,
        reasons=(*allocation.reasons, f"{told}, beyond {', '.join(broken)}" if broken else told),
    )


def told_of(weights: FloatArray, market: Market, *, most: float | None, wanted: float | None) -> Sequence[str]:
    """Sentences on the (N,) weights after trading: their volatility beside the limit, their return beside the aim."""
    found: list[str] = []
    if most is not None:
        now = yearly_volatility(weights, market)
        verdict = "beyond" if is_too_volatile(weights, market, most) else "within"
        found.append(
            f"volatility of a year after these trades: {now:.1%}, {verdict} the limit of the objective, {most:.1%}"
        )
    if wanted is not None:
        expected = yearly_return(weights, market)
        found.append(
            f"return of a year after these trades: {expected:.1%} expected by the mean of {len(market.returns)} days, "
            f"which {'meets' if expected >= wanted else 'does not meet'} the target of the objective, {wanted:.1%}"
        )
    return found


def risk_of(weights: FloatArray, market: Market) -> RiskOfWeights:
    """Risk of (N,) weights held through the days of `market`. Raises InsufficientHistory below 100 days, which a
    quantile of 99 % needs."""
    pnl = (market.returns @ weights)[:, None]
    return RiskOfWeights(
        volatility=yearly_volatility(weights, market),
        var_99=float(historical_var(pnl, confidence=0.99)[0]),
        es_975=float(historical_es(pnl, confidence=0.975)[0]),
    )
