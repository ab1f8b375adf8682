"""A problem without the instruments that may not be held: risk budgets and equal weights are about the others."""

from dataclasses import dataclass, replace

import numpy as np

from lakehouse.construction.limits import Group, Limits
from lakehouse.construction.model import Goal, Market
from lakehouse.risk.checks import FloatArray

Vector = tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Subset:
    """The problem of the instruments at `places` among the original ones."""

    places: tuple[int, ...]
    goal: Goal
    market: Market
    limits: Limits
    previous: FloatArray

    def expand(self, weights: FloatArray, count: int) -> FloatArray:
        """Weights of all `count` instruments: zero for those left out."""
        full = np.zeros(count)
        full[list(self.places)] = weights
        return full


def allowed(limits: Limits) -> tuple[int, ...]:
    """The places of instruments that may be held at all, long or short."""
    return tuple(
        i for i, (least, most) in enumerate(zip(limits.lower, limits.upper, strict=True)) if most > 0 or least < 0
    )


def subset(goal: Goal, market: Market, limits: Limits, previous: FloatArray) -> Subset:
    """The problem of the allowed instruments; what it takes to sell, or buy back, the others is taken from
    turnover and cost."""
    places = allowed(limits)
    kept, index = np.array(places), {place: i for i, place in enumerate(places)}
    gone = np.setdiff1d(np.arange(limits.count), kept)
    sold = float(np.abs(previous[gone]).sum())
    paid = float(np.array(limits.costs)[gone] @ np.abs(previous[gone])) if limits.costs is not None else 0.0
    groups = tuple(
        Group(group.name, tuple(index[m] for m in group.members if m in index), group.lower, group.upper)
        for group in limits.groups
    )
    return Subset(
        places,
        replace(
            goal,
            risk_budget=_of(goal.risk_budget, places),
            targets=_of(goal.targets, places),
            bands=_of(goal.bands, places),
            costs=_of(goal.costs, places),
        ),
        Market(
            tuple(market.symbols[i] for i in places),
            market.returns[:, kept],
            market.mean[kept],
            market.covariance[np.ix_(kept, kept)],
            market.estimator,
        ),
        replace(
            limits,
            lower=_of(limits.lower, places) or (),
            upper=_of(limits.upper, places) or (),
            groups=tuple(group for group in groups if group.members),
            costs=_of(limits.costs, places),
            max_turnover=None if limits.max_turnover is None else max(0.0, limits.max_turnover - sold),
            max_cost=None if limits.max_cost is None else max(0.0, limits.max_cost - paid),
        ),
        previous[kept],
    )


def _of(values: Vector, places: tuple[int, ...]) -> Vector:
    return None if values is None else tuple(values[i] for i in places)
