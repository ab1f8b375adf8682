"""Days for choosing and days for judging that share nothing: walk-forward, and combinatorial purged cross-validation.

Lopez de Prado: Advances in Financial Machine Learning, 2018, chapters 7 and 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lakehouse.backtest.market import IntArray
from lakehouse.risk.checks import InvalidParameter, require_count


@dataclass(frozen=True, slots=True)
class Fold:
    """Places of days, ascending: `train` to choose by, `test` to judge on."""

    train: IntArray
    test: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """Train on `train` days, leave out `purge` (what decisions overlap) and `embargo` (what still echoes), test on the
    next `test` days, move on by as many. `expanding` keeps all earlier days in the training."""

    train: int
    test: int
    purge: int = 1
    embargo: int = 0
    expanding: bool = False

    def folds(self, days: int) -> Iterator[Fold]:
        """The folds of `days` days; the last test may be shorter. Raises InvalidParameter where not even one fits."""
        for name, value, least in (("train", self.train, 2), ("test", self.test, 1)):
            require_count(name, value, least)
        gap = self.purge + self.embargo
        first = self.train + gap
        if min(self.purge, self.embargo) < 0 or first >= days:
            raise InvalidParameter(f"{days} days hold no fold: {self.train} to train, {gap} between, then a test")
        for start in range(first, days, self.test):
            begin = 0 if self.expanding else start - gap - self.train
            yield Fold(np.arange(begin, start - gap), np.arange(start, min(start + self.test, days)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinatorialPurged:
    """Cut the days into `groups`, test on every choice of `tested` of them, train on the others: less `purge` days on
    either side of a tested group, and `embargo` more after it."""

    groups: int = 10
    tested: int = 2
    purge: int = 0
    embargo: int = 0

    def folds(self, days: int) -> Iterator[Fold]:
        """One fold a choice. Raises InvalidParameter."""
        if not 0 < self.tested < self.groups <= days or min(self.purge, self.embargo) < 0:
            raise InvalidParameter(f"{self} does not cut {days} days")
        parts = np.array_split(np.arange(days), self.groups)
        for chosen in combinations(range(self.groups), self.tested):
            train = np.ones(days, dtype=bool)
            for group in chosen:
                first, last = int(parts[group][0]), int(parts[group][-1])
                train[max(0, first - self.purge) : last + 1 + self.purge + self.embargo] = False
            yield Fold(np.flatnonzero(train), np.concatenate([parts[group] for group in chosen]))
