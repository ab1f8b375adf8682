"""What weights may be: bounds, sectors, turnover, costs, number of names; and which of these contradict each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from lakehouse.construction.model import ConstructionError
from lakehouse.risk.checks import FloatArray, InvalidParameter, ShapeMismatch

TOLERANCE = 1e-6
"""How far weights may lie beyond a limit before the limit counts as broken."""
INFEASIBLE = 2  # scipy.optimize.milp's status


@dataclass(frozen=True, slots=True)
class Group:
    """Instruments that are limited together, a sector for one: `members` are positions among the instruments."""

    name: str
    members: tuple[int, ...]
    lower: float = 0.0
    upper: float = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of N weights, all shares of the portfolio's value.

    `lower` and `upper` (N,) bound each weight; a lower one below 0 allows a short position, and needs `max_gross`,
    which bounds the sum of |weight|. `budget` is what the weights sum to; the rest is cash. `max_turnover` bounds the
    SUM of |new - previous| over all instruments, both sides counted: selling one tenth to buy another is 0.2.
    `max_cost` bounds the sum of `costs` (N,) times |new - previous|. `cardinality` is the most
    names that may be held. Raises InvalidParameter, ShapeMismatch.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    groups: tuple[Group, ...] = ()
    budget: float = 1.0
    max_turnover: float | None = None
    max_cost: float | None = None
    costs: tuple[float, ...] | None = None
    cardinality: int | None = None
    max_gross: float | None = None

    def __post_init__(self) -> None:
        if len(self.lower) != len(self.upper) or not self.lower:
            raise ShapeMismatch(f"{len(self.lower)} lower and {len(self.upper)} upper bounds")
        if not 0 < self.budget <= 1:
            raise InvalidParameter("weights are without borrowing: 0 < budget <= 1")
        if min(self.lower) < 0 and (self.max_gross is None or self.cardinality is not None):
            raise InvalidParameter("short positions need max_gross, and know no cardinality")
        if self.max_cost is not None and self.costs is None:
            raise InvalidParameter("max_cost needs costs, one an instrument")
        if self.costs is not None and len(self.costs) != len(self.lower):
            raise ShapeMismatch(f"{len(self.costs)} costs for {len(self.lower)} instruments")
        if self.cardinality is not None and self.cardinality < 1:
            raise InvalidParameter("cardinality must be at least 1")
        if any(not 0 <= member < len(self.lower) for group in self.groups for member in group.members):
            raise ShapeMismatch("a group has a member that is no instrument")

    @property
    def count(self) -> int:
        """Instruments."""
        return len(self.lower)

    def without_trading_limits(self) -> "Limits":
        """The same limits for who starts from cash: no limit of turnover and costs."""
        return replace(self, max_turnover=None, max_cost=None)


def long_only(count: int, *, most: float = 1.0, budget: float = 1.0) -> Limits:
    """No shorts, no weight above `most`."""
    return Limits((0.0,) * count, (most,) * count, budget=budget)


def turnover(weights: FloatArray, previous: FloatArray) -> float:
    """The sum of |new - previous|, both sides counted."""
    return float(np.abs(weights - previous).sum())


def violations(limits: Limits, weights: FloatArray, previous: FloatArray, tolerance: float = TOLERANCE) -> list[str]:
    """What `weights` break, by name; empty where they break nothing."""
    lower, upper = np.array(limits.lower), np.array(limits.upper)
    change = np.abs(weights - previous)
    found = [f"bound {i}" for i in np.flatnonzero((weights < lower - tolerance) | (weights > upper + tolerance))]
    found += ["budget"] if abs(weights.sum() - limits.budget) > tolerance else []
    for group in limits.groups:
        held = weights[list(group.members)].sum()
        if not group.lower - tolerance <= held <= group.upper + tolerance:
            found.append(f"group {group.name}")
    if limits.max_turnover is not None and change.sum() > limits.max_turnover + tolerance:
        found.append("max_turnover")
    if limits.max_cost is not None and change @ np.array(limits.costs) > limits.max_cost + tolerance:
        found.append("max_cost")
    if limits.max_gross is not None and np.abs(weights).sum() > limits.max_gross + tolerance:
        found.append("max_gross")
    if limits.cardinality is not None and (weights > tolerance).sum() > limits.cardinality:
        found.append("cardinality")
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """low <= coefficients times (weights, bought, sold, held?, long, short) <= high; `name` is what a user calls it."""

    name: str
    coefficients: FloatArray
    low: float
    high: float


class _Rules:
    """Limits as named rows over 4 N variables: weight, increase, decrease, and whether a name is held; and 2 N more,
    the weight's long and short part, where the sum of both is limited."""

    def __init__(self, limits: Limits, symbols: Sequence[str], previous: FloatArray) -> None:
        self.limits, self.symbols, self.previous = limits, symbols, previous
        self.count = limits.count
        self.size = self.count * (4 if limits.max_gross is None else 6)

    def named(self) -> list[_Row]:
        """The rows that a user asked for."""
        limits, n = self.limits, self.count
        rows = [self._row("budget", range(n), limits.budget, limits.budget)]
        for i, symbol in enumerate(self.symbols):
            if limits.lower[i] != 0:
                rows.append(self._row(f"lower bound of {symbol}", [i], limits.lower[i], np.inf))
            rows.append(self._row(f"upper bound of {symbol}", [i], -np.inf, limits.upper[i]))
        rows += [self._row(f"group {g.name}", g.members, g.lower, g.upper) for g in limits.groups]
        if limits.max_turnover is not None:
            rows.append(self._row("max_turnover", range(n, 3 * n), -np.inf, limits.max_turnover))
        if limits.max_cost is not None:
            costs = np.array(limits.costs)
            row = self._row("max_cost", [], -np.inf, limits.max_cost)
            row.coefficients[n : 3 * n] = np.concatenate([costs, costs])
            rows.append(row)
        if limits.max_gross is not None:
            rows.append(self._row("max_gross", range(4 * n, 6 * n), -np.inf, limits.max_gross))
        if limits.cardinality is not None:
            rows.append(self._row("cardinality", range(3 * n, 4 * n), -np.inf, limits.cardinality))
        return rows

    def feasible(self, rows: Sequence[_Row]) -> bool:
        """Whether some weights keep all `rows`."""
        return self.solve(rows, np.zeros(self.size)) is not None

    def solve(self, rows: Sequence[_Row], objective: FloatArray) -> FloatArray | None:
        """The variables that keep all `rows` at the least `objective`; None where nothing keeps them."""
        n = self.count
        eye = sparse.identity(n, format="csr")
        zero = sparse.csr_matrix((n, n))
        parts = [zero] * (self.size // n - 4)
        change = sparse.hstack([eye, -eye, eye, zero, *parts])  # weight - increase + decrease = previous
        held = sparse.hstack([eye, zero, zero, -eye, *parts])  # weight <= held, since no weight exceeds 1
        constraints = [
            LinearConstraint(change, self.previous, self.previous),
            LinearConstraint(held, -np.inf, 0.0),
        ]
        if parts:
            split = sparse.hstack([eye, zero, zero, zero, -eye, eye])  # weight - long + short = 0
            constraints.append(LinearConstraint(split, 0.0, 0.0))
        if rows:
            matrix = sparse.csr_matrix(np.stack([row.coefficients for row in rows]))
            constraints.append(LinearConstraint(matrix, [row.low for row in rows], [row.high for row in rows]))
        integrality = np.zeros(self.size)
        integrality[3 * n : 4 * n] = int(self.limits.cardinality is not None)
        lower, upper = np.zeros(self.size), np.ones(self.size)
        lower[:n] = np.where(np.array(self.limits.lower) < 0, -1.0, 0.0)
        upper[n : 3 * n] = np.inf
        result = milp(objective, constraints=constraints, integrality=integrality, bounds=Bounds(lower, upper))
        if result.status not in (0, INFEASIBLE):
            raise ConstructionError(f"whether the limits can be kept was not decided: {result.message}")
        return None if result.x is None else np.asarray(result.x, dtype=np.float64)

    def _row(self, name: str, places: Iterable[int], low: float, high: float) -> _Row:
        coefficients = np.zeros(self.size)
        coefficients[list(places)] = 1.0
        return _Row(name, coefficients, low, high)


def conflict(limits: Limits, symbols: Sequence[str], previous: FloatArray) -> tuple[str, ...]:
    """The names of limits that no weights can keep together; empty where all can be kept.

    An irreducible set: any one of them left out, the others can be kept (found by a deletion filter over linear
    programs, Chinneck and Dravnieks 1991). It takes one program a limit, and is asked only for limits that fail.
    """
    rules = _Rules(limits, symbols, previous)
    rows = rules.named()
    if rules.feasible(rows):
        return ()
    kept = _thinned(rules, rows)
    for row in list(kept):
        rest = [other for other in kept if other is not row]
        if not rules.feasible(rest):
            kept = rest
    return tuple(row.name for row in kept)


def largest(wanted: FloatArray, limits: Limits, symbols: Sequence[str], previous: FloatArray) -> tuple[int, ...]:
    """Which `limits.cardinality` instruments to keep of `wanted` weights (N,): those with the largest sum of wanted
    weights with which all limits can be kept. A rule of thumb for what to hold, not an optimum. Raises
    ConstructionError where there are none."""
    rules = _Rules(limits, symbols, previous)
    held = slice(3 * limits.count, 4 * limits.count)
    objective = np.zeros(rules.size)
    objective[held] = -np.maximum(wanted, 0.0) - 1e-9
    found = rules.solve(rules.named(), objective)
    if found is None:
        raise ConstructionError("no instruments keep the limits: ask `conflict` for the reason")
    return tuple(int(i) for i in np.flatnonzero(found[held] > 0.5))


def _thinned(rules: _Rules, rows: list[_Row]) -> list[_Row]:
    """Without whole kinds of limits that are not needed: 500 upper bounds go in one program, not in 500."""
    for kind in ("upper bound", "lower bound", "group"):
        rest = [row for row in rows if not row.name.startswith(kind)]
        if len(rest) < len(rows) and not rules.feasible(rest):
            rows = rest
    return rows
